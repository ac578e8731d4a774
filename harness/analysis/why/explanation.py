"""The parts of a difference in time: CPU time, waiting for a CPU, the rest; and whether counters agree."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.analysis.effects import Pair
from harness.analysis.why.per_session import BySession, amount, difference, less, total
from harness.analysis.why.quantities import counter, time_us
from harness.model import ROLES, Comparison, Counter, Evidence, Explanation, Record

# Counters of the work of a request. The first group that differs decides: TCP events on the hop follow from the
# transport, and all of them show the same thing; system calls may change in either direction.
GROUPS = (("hop.active_opens", "net.segments_out"), ("nginx.syscalls", "app.syscalls"))
TELLING = tuple(name for group in GROUPS for name in group)
# Events per request: smaller differences are chance, or other processes.
TELLING_FROM = 0.1
DIFFERENT = ("faster", "slower")


def explanations(
    comparisons: Sequence[Comparison], counters: Sequence[Counter], records: Sequence[Record]
) -> tuple[Explanation, ...]:
    """Return an explanation of each latency comparison with an interval and CPU time."""
    by_name = {counter.name: counter for counter in counters}
    return tuple(_explanations([counter for counter in comparisons if counter.us_low is not None], by_name, records))


def _explanations(
    comparisons: Sequence[Comparison], counters: Mapping[str, Counter], records: Sequence[Record]
) -> Iterator[Explanation]:
    cpu = {(comparison.arm, comparison.against): comparison for comparison in comparisons if comparison.metric == "cpu"}
    for latency in comparisons:
        pair = (latency.arm, latency.against)
        if latency.metric == "latency" and pair in cpu:
            yield _explanation(latency, cpu[pair], counters, records)


def _explanation(
    latency: Comparison, cpu: Comparison, counters: Mapping[str, Counter], records: Sequence[Record]
) -> Explanation:
    agree, oppose = _counts(latency, counters)
    cpu_agrees = _cpu_agrees(latency, cpu)
    counts_agree = _counts_agree(latency, agree, oppose) if _has_counts(latency, counters) else None
    return Explanation(
        arm=latency.arm,
        against=latency.against,
        **_parts(latency, records),
        cpu_agrees=cpu_agrees,
        counts_agree=counts_agree,
        agree=tuple(agree),
        oppose=tuple(oppose),
        evidence=_evidence(latency, cpu_agrees, counts_agree),
    )


def _parts(latency: Comparison, records: Sequence[Record]) -> dict[str, Any]:
    """Return the parts of the difference, in the sessions that have them; totals are over roles."""
    pair, confidence = (latency.arm, latency.against), latency.confidence
    time = difference(records, pair, time_us, "median")
    cpu = _by_role(records, pair, "cpu_us")
    waiting = _by_role(records, pair, "wait_us")
    cpu_total, waiting_total = total(list(cpu.values())), total(list(waiting.values()))
    return {
        "time_us": amount(time, confidence),
        "cpu_us": {role: amount(values, confidence) for role, values in cpu.items()},
        "waiting_us": {role: amount(values, confidence) for role, values in waiting.items()},
        "cpu_total_us": amount(cpu_total, confidence),
        "waiting_total_us": amount(waiting_total, confidence),
        "rest_us": amount(less(time, *filter(None, (cpu_total, waiting_total))), confidence),
    }


def _by_role(records: Sequence[Record], pair: Pair, what: str) -> dict[str, BySession]:
    differences = {role: difference(records, pair, counter(f"{role}.{what}"), "trimmed") for role in ROLES}
    return {role: values for role, values in differences.items() if values}


def _cpu_agrees(latency: Comparison, cpu: Comparison) -> bool | None:
    """Whether the CPU time of the servers has the same verdict; None if either is undecided."""
    if cpu.verdict in (None, "undecided") or latency.verdict in (None, "undecided"):
        return None
    return cpu.verdict == latency.verdict


def _has_counts(latency: Comparison, counters: Mapping[str, Counter]) -> bool:
    return any(latency.arm in counters[name].differences for name in TELLING if name in counters)


def _counts(latency: Comparison, counters: Mapping[str, Counter]) -> tuple[list[str], list[str]]:
    """Return the work counters that differ in the direction of the time, and in the other direction."""
    agree: list[str] = []
    oppose: list[str] = []
    for name in TELLING:
        difference = counters[name].differences.get(latency.arm) if name in counters else None
        if difference and abs(difference.value) >= TELLING_FROM and difference.excludes_zero:
            (agree if difference.value * (latency.us or 0) > 0 else oppose).append(name)
    return agree, oppose


def _counts_agree(latency: Comparison, agree: Sequence[str], oppose: Sequence[str]) -> bool | None:
    if latency.verdict in DIFFERENT:
        deciding = next((group for group in GROUPS if {*agree, *oppose} & set(group)), ())
        return bool(set(agree) & set(deciding)) and not set(oppose) & set(deciding)
    return not agree and not oppose if latency.verdict == "equivalent" else None


def _evidence(latency: Comparison, cpu_agrees: bool | None, counts_agree: bool | None) -> Evidence:
    """Return the grade of the evidence: how much of it agrees."""
    if latency.verdict in (None, "undecided"):
        return "nothing"
    if not cpu_agrees:
        return "timing only"
    return "timing, CPU and counts" if counts_agree else "timing and CPU"
