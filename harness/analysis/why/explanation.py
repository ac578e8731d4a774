"""A difference in time taken apart: CPU time, waiting for a CPU, the rest; and whether the counts agree."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from harness.analysis.effects import Pair
from harness.analysis.why.per_session import amount, difference
from harness.analysis.why.quantities import counter, time_us
from harness.model import ROLES, Amount, Comparison, Counter, Evidence, Explanation, Record

# What a request costs more or less work by; the names that perf counts come with it.
TELLING = ("hop.active_opens", "net.segments_out", "nginx.syscalls", "app.syscalls")
# Events per request: less is chance, or somebody else.
TELLING_FROM = 0.1
DIFFERENT = ("faster", "slower")


def explanations(
    comparisons: Sequence[Comparison], counters: Sequence[Counter], records: Sequence[Record]
) -> tuple[Explanation, ...]:
    """One for each comparison of the typical request that has an interval and whose CPU time was read."""
    by_name = {one.name: one for one in counters}
    return tuple(_explanations([one for one in comparisons if one.us_low is not None], by_name, records))


def _explanations(
    comparisons: Sequence[Comparison], counters: Mapping[str, Counter], records: Sequence[Record]
) -> Iterator[Explanation]:
    cpu = {(one.arm, one.against): one for one in comparisons if one.metric == "cpu"}
    for latency in comparisons:
        pair = (latency.arm, latency.against)
        if latency.metric == "latency" and pair in cpu:
            yield _explanation(latency, cpu[pair], counters, records)


def _explanation(
    latency: Comparison, cpu: Comparison, counters: Mapping[str, Counter], records: Sequence[Record]
) -> Explanation:
    pair = (latency.arm, latency.against)
    parts = _parts(pair, records)
    agree, oppose = _counts(latency, counters)
    cpu_agrees = _cpu_agrees(latency, cpu)
    counts_agree = _counts_agree(latency, agree, oppose) if _has_counts(latency, counters) else None
    return Explanation(
        arm=latency.arm,
        against=latency.against,
        **parts,
        cpu_agrees=cpu_agrees,
        counts_agree=counts_agree,
        agree=tuple(agree),
        oppose=tuple(oppose),
        evidence=_evidence(latency, cpu_agrees, counts_agree),
    )


def _parts(pair: Pair, records: Sequence[Record]) -> dict[str, object]:
    """Each part of the difference; a session's rest is what its time has beyond its CPU time and waiting."""
    time = difference(records, pair, time_us, "median")
    cpu = {role: difference(records, pair, counter(f"{role}.cpu_us"), "trimmed") for role in ROLES}
    waiting = {role: difference(records, pair, counter(f"{role}.wait_us"), "trimmed") for role in ROLES}
    cpu_total, waiting_total = _total(cpu, len(time)), _total(waiting, len(time))
    rest = np.asarray(time) - cpu_total - waiting_total
    return {
        "time_us": amount(time),
        "cpu_us": _amounts(cpu),
        "waiting_us": _amounts(waiting),
        "cpu_total_us": amount(cpu_total),
        "waiting_total_us": amount(waiting_total) if any(waiting.values()) else None,
        "rest_us": amount(rest.tolist()),
    }


def _amounts(by_role: Mapping[str, list[float]]) -> dict[str, Amount]:
    found = {role: amount(values) for role, values in by_role.items()}
    return {role: seen for role, seen in found.items() if seen}


def _total(by_role: Mapping[str, list[float]], sessions: int) -> list[float]:
    """The sum over roles, session by session; a role that some sessions lack has no part in it."""
    whole = [values for values in by_role.values() if len(values) == sessions]
    return [sum(values) for values in zip(*whole, strict=True)] if whole else [0.0] * sessions


def _cpu_agrees(latency: Comparison, cpu: Comparison) -> bool | None:
    """Equivalent times go with CPU times that are not told apart either."""
    if latency.verdict in DIFFERENT:
        return cpu.verdict == latency.verdict
    return cpu.verdict not in DIFFERENT if latency.verdict == "equivalent" else None


def _has_counts(latency: Comparison, counters: Mapping[str, Counter]) -> bool:
    return any(latency.arm in counters[name].differences for name in TELLING if name in counters)


def _counts(latency: Comparison, counters: Mapping[str, Counter]) -> tuple[list[str], list[str]]:
    """The telling counters that differ for sure: as time does, and the other way."""
    agree: list[str] = []
    oppose: list[str] = []
    for name in TELLING:
        seen = counters[name].differences.get(latency.arm) if name in counters else None
        if seen and abs(seen.value) >= TELLING_FROM and seen.excludes_zero:
            (agree if seen.value * (latency.us or 0) > 0 else oppose).append(name)
    return agree, oppose


def _counts_agree(latency: Comparison, agree: Sequence[str], oppose: Sequence[str]) -> bool | None:
    if latency.verdict in DIFFERENT:
        return len(agree) > len(oppose)
    return not agree and not oppose if latency.verdict == "equivalent" else None


def _evidence(latency: Comparison, cpu_agrees: bool | None, counts_agree: bool | None) -> Evidence:
    """The grade: how much of what was seen says the same."""
    if latency.verdict in (None, "undecided"):
        return "nothing"
    if not cpu_agrees:
        return "timing only"
    return "timing, CPU and counts" if counts_agree else "timing and CPU"
