"""Explains a difference: its evidence, its causes, and whether its size is plausible."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from harness.analysis.contrasts.engine import RunSeries, WeightedSum, difference, interval_of
from harness.analysis.statistics.intervals import welch_difference
from harness.analysis.statistics.series import ArmPair
from harness.analysis.why.counters import arm_utilisations, counter_summaries, counting_overhead_percent
from harness.analysis.why.quantities import TIME_US, counter_quantity
from harness.analysis.why.waterfall import arm_with_chain, connection_setups, has_same_keepalive, waterfalls
from harness.model import (
    ROLES,
    ArmSummary,
    ArmUtilisation,
    Comparison,
    CounterSummary,
    Evidence,
    Experiment,
    Explanation,
    FloorResults,
    Interval,
    Plausibility,
    Record,
    Settings,
    Summary,
)
from harness.model.http import requested_bytes

CLIENT_ROLE = "client"

# Counters of the work of a request. The first group that differs decides: IPv6 packets and TCP events on the hop follow
# from the transport, and all of a group show the same thing; system calls may change in either direction.
COUNTER_GROUPS = (
    ("net.ip6_packets",),
    ("hop.active_opens", "net.segments_out"),
    ("nginx.syscalls", "app.syscalls"),
)
WORK_COUNTERS = tuple(name for group in COUNTER_GROUPS for name in group)
# Events per request: smaller differences are chance, or other processes.
MIN_EVENTS_PER_REQUEST = 0.1
DIFFERENT = ("faster", "slower")
PING_PONG_KIND, CONNECT_KIND = "ping-pong", "connect"
DEFAULT_PAYLOAD_BYTES = 83  # the JSON of our application
SMALL_PAYLOAD_BYTES, MAX_PAYLOAD_RATIO = 2000, 2.0
FLOOR_PLACEMENTS = ("auto", "split")  # placements: barehop floor runs its two programs on two CPUs


def add_causes(
    summary: Summary, experiment: Experiment, records: Sequence[Record], floor: FloorResults | None = None
) -> Summary:
    """Return the summary with the causes from `records` and, with a `floor`, the plausibility of effects."""
    series = RunSeries(records, experiment=experiment)
    all_counters, utilisations = counter_summaries(experiment, series), arm_utilisations(experiment, series)
    all_explanations = explanations(_explicable(summary, experiment), all_counters, series)
    return summary.model_copy(
        update={
            "arms": _arms(summary, utilisations),
            "counters": all_counters,
            "explanations": tuple(
                _add_floor(explanation, experiment, series, floor) for explanation in all_explanations
            ),
            "loads": utilisations,
            "waterfalls": waterfalls(experiment, series),
            "setups": connection_setups(experiment, all_counters, series),
            "counted_events": experiment.counters,
            "counting_percent": counting_overhead_percent(series),
            "unseen": tuple(dict.fromkeys(sentence for record in records for sentence in record.unseen)),
        }
    )


def _explicable(summary: Summary, experiment: Experiment) -> list[Comparison]:
    """Return the comparisons that can be split: one request at a time, no url, the first reference of an arm.

    With many requests in flight, most of the time of a request is queueing behind others.
    """
    explicable = {arm.name for arm in experiment.arms if _is_explicable(arm.settings)}
    first = dict(reversed(experiment.pairs))
    return [
        comparison
        for comparison in summary.comparisons
        if {comparison.arm, comparison.against} <= explicable and first[comparison.arm] == comparison.against
    ]


def _is_explicable(settings: Settings) -> bool:
    return settings.connections == 1 and not settings.rate and not settings.url


def _arms(summary: Summary, utilisations: Sequence[ArmUtilisation]) -> dict[str, ArmSummary]:
    """Return the arms, without a rate where the client was the bottleneck."""
    client_bound = {load.arm for load in utilisations if load.bound == "client-bound" or CLIENT_ROLE in load.together}
    return {
        name: arm.model_copy(update={"requests_per_s": None}) if name in client_bound else arm
        for name, arm in summary.arms.items()
    }


def explanations(
    comparisons: Sequence[Comparison], counters: Sequence[CounterSummary], series: RunSeries
) -> tuple[Explanation, ...]:
    """Return an explanation of each latency comparison with an interval and CPU time."""
    by_name = {counter.name: counter for counter in counters}
    known = {
        (comparison.metric, comparison.arm, comparison.against): comparison
        for comparison in comparisons
        if comparison.us_low is not None
    }
    return tuple(
        _explanation(latency, known["cpu", arm, against], by_name, series)
        for (metric, arm, against), latency in known.items()
        if metric == "latency" and ("cpu", arm, against) in known
    )


def _explanation(
    latency: Comparison, cpu: Comparison, counters: Mapping[str, CounterSummary], series: RunSeries
) -> Explanation:
    agree, oppose = _counts(latency, counters)
    cpu_agrees = _cpu_agrees(latency, cpu)
    counts_agree = _counts_agree(latency, agree, oppose) if _has_counts(latency, counters) else None
    return Explanation(
        arm=latency.arm,
        against=latency.against,
        **_parts(latency, series, counters),
        cpu_agrees=cpu_agrees,
        counts_agree=counts_agree,
        agree=tuple(agree),
        oppose=tuple(oppose),
        evidence=_evidence(latency, cpu_agrees, counts_agree),
    )


def _parts(latency: Comparison, series: RunSeries, counters: Collection[str]) -> dict[str, Any]:
    """Return the parts of the difference, in the sessions that have them; totals are over roles with `counters`."""
    pair, confidence = (latency.arm, latency.against), latency.confidence
    rest = [difference(pair, TIME_US)]
    parts: dict[str, Any] = {"time_us": interval_of(series, *rest, confidence=confidence)}
    for part, counter in (("cpu", "cpu_us"), ("waiting", "wait_us")):
        names = {role: f"{role}.{counter}" for role in ROLES}
        terms = {role: difference(pair, counter_quantity(name)) for role, name in names.items() if name in counters}
        intervals = {role: interval_of(series, term, confidence=confidence) for role, term in terms.items()}
        parts[f"{part}_us"] = {role: interval for role, interval in intervals.items() if interval}
        known = [terms[role] for role in parts[f"{part}_us"]]
        total = parts[f"{part}_total_us"] = interval_of(series, *known, confidence=confidence)
        rest += [replace(term, factor=-1.0) for term in known] if total else []
    parts["rest_us"] = interval_of(series, *rest, confidence=confidence)
    return parts


def _cpu_agrees(latency: Comparison, cpu: Comparison) -> bool | None:
    """Whether the CPU time of the servers has the same verdict; None if either is undecided."""
    if cpu.verdict in (None, "undecided") or latency.verdict in (None, "undecided"):
        return None
    return cpu.verdict == latency.verdict


def _has_counts(latency: Comparison, counters: Mapping[str, CounterSummary]) -> bool:
    return any(latency.arm in counters[name].differences for name in WORK_COUNTERS if name in counters)


def _counts(latency: Comparison, counters: Mapping[str, CounterSummary]) -> tuple[list[str], list[str]]:
    """Return the work counters that differ in the direction of the time, and in the other direction."""
    agree: list[str] = []
    oppose: list[str] = []
    for name in WORK_COUNTERS:
        difference = counters[name].differences.get(latency.arm) if name in counters else None
        if difference and abs(difference.value) >= MIN_EVENTS_PER_REQUEST and difference.excludes_zero:
            (agree if difference.value * (latency.us or 0) > 0 else oppose).append(name)
    return agree, oppose


def _counts_agree(latency: Comparison, agree: Sequence[str], oppose: Sequence[str]) -> bool | None:
    if latency.verdict in DIFFERENT:
        deciding = next((group for group in COUNTER_GROUPS if {*agree, *oppose} & set(group)), ())
        return bool(set(agree) & set(deciding)) and not set(oppose) & set(deciding)
    return not agree and not oppose if latency.verdict == "equivalent" else None


def _evidence(latency: Comparison, cpu_agrees: bool | None, counts_agree: bool | None) -> Evidence:
    """Return the grade of the evidence: how much of it agrees."""
    if latency.verdict in (None, "undecided"):
        return "nothing"
    if not cpu_agrees:
        return "timing only"
    return "timing, CPU and counts" if counts_agree else "timing and CPU"


def _add_floor(
    explanation: Explanation, experiment: Experiment, series: RunSeries, floor: FloorResults | None
) -> Explanation:
    """Return the explanation with the floor of the same run if it has such arms, or else the earlier `floor`."""
    pair = (explanation.arm, explanation.against)
    if not _differ_in_transport(pair, experiment):
        return explanation
    floor_us, exchange_us = _floor_in_run(pair, experiment, series)
    earlier = floor_us is None and floor is not None
    if floor_us is None and floor:
        floor_us, exchange_us = _earlier_floor(pair, experiment, floor)
    if floor_us is None or exchange_us is None:
        return explanation
    verdict = plausibility(explanation.time_us, floor_us, exchange_us)
    beside = {"floor_us": floor_us, "exchange_us": exchange_us, "floor_is_earlier": earlier, "plausibility": verdict}
    return explanation.model_copy(update=beside)


def plausibility(time_us: Interval, floor_us: Interval, exchange_us: float) -> Plausibility:
    """Return the plausibility of a difference `time_us` whose bare transports differ by `floor_us`.

    Within the floor's difference, the transport itself is the cause. Up to a whole exchange, or with the opposite sign,
    nginx and the app may be. Beyond a whole exchange, no transport can be the cause.
    """
    least, most = _nearest_to_zero(time_us), max(abs(floor_us.low or 0), abs(floor_us.high or 0), abs(floor_us.value))
    if least > exchange_us:
        return "implausible"
    if time_us.excludes_zero and floor_us.excludes_zero and time_us.value * floor_us.value < 0:
        return "the other way"
    return "plausible" if least <= most else "beyond the floor"


def floor_difference(floor: FloorResults, kind: str, pair: ArmPair, payload_bytes: int) -> Interval | None:
    """Return the first transport less the second at about `payload_bytes`, by Welch's t on runs."""
    runs = [_runs(floor, kind, transport, payload_bytes) for transport in pair]
    if any(len(times) < 2 for times in runs):
        return None
    return welch_difference(np.asarray(runs[1]), np.asarray(runs[0])).with_interval()


def _runs(floor: FloorResults, kind: str, transport: str, payload_bytes: int) -> tuple[float, ...]:
    rows = [row for row in floor.rows if (row.kind, row.transport) == (kind, transport)]
    nearest = min(rows, key=lambda row: abs(row.payload_bytes - payload_bytes), default=None)
    return nearest.runs_us if nearest and _are_alike(nearest.payload_bytes, payload_bytes) else ()


def _are_alike(some_bytes: int, other_bytes: int) -> bool:
    """Whether two sizes are comparable: both small, or within a factor of 2."""
    return max(some_bytes, other_bytes) <= max(MAX_PAYLOAD_RATIO * min(some_bytes, other_bytes), SMALL_PAYLOAD_BYTES)


def _nearest_to_zero(amount: Interval) -> float:
    if amount.low is None or amount.high is None:
        return abs(amount.value)
    return min(abs(amount.low), abs(amount.high)) if amount.excludes_zero else 0.0


def _differ_in_transport(pair: ArmPair, experiment: Experiment) -> bool:
    """Whether two arms with the full chain differ in the transport alone."""
    settings, others = (experiment.arm(name).settings for name in pair)
    alike = settings.model_dump(exclude={"transport"}) == others.model_dump(exclude={"transport"})
    return alike and settings.chain == "full" and settings.transport != others.transport


def _floor_in_run(pair: ArmPair, experiment: Experiment, series: RunSeries) -> tuple[Interval | None, float | None]:
    """Return the difference of the two floor arms of this run, and the longer exchange; None without them."""
    arm_floor, against_floor = (arm_with_chain(experiment.arm(name), experiment, "floor") for name in pair)
    if arm_floor is None or against_floor is None or not has_same_keepalive(experiment.arm(pair[0])):
        return None, None
    floor_us = interval_of(series, difference((arm_floor.name, against_floor.name), TIME_US))
    levels = [interval_of(series, WeightedSum(TIME_US, {arm.name: 1.0})) for arm in (arm_floor, against_floor)]
    return floor_us, max((interval.value for interval in levels if interval), default=None)


def _earlier_floor(pair: ArmPair, experiment: Experiment, floor: FloorResults) -> tuple[Interval | None, float | None]:
    settings, others = (experiment.arm(name).settings for name in pair)
    if settings.placement not in FLOOR_PLACEMENTS:
        return None, None
    kind = PING_PONG_KIND if settings.upstream_keepalive else CONNECT_KIND
    path_bytes = requested_bytes(settings.path)
    payload_bytes = DEFAULT_PAYLOAD_BYTES if path_bytes is None else path_bytes
    runs = [_runs(floor, kind, transport, payload_bytes) for transport in (settings.transport, others.transport)]
    levels = [sum(times) / len(times) for times in runs if times]
    floor_us = floor_difference(floor, kind, (settings.transport, others.transport), payload_bytes)
    return floor_us, max(levels, default=None)
