"""Counts per request and how they differ between two arms; loads of the processes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np

from harness.analysis.contrasts.engine import RunSeries, WeightedSum, difference, interval_of
from harness.analysis.statistics.intervals import CONFIDENCE, estimate_mean, to_percent
from harness.analysis.statistics.series import ArmPair, Series
from harness.analysis.why.quantities import TIME_US, WALL_US, counter_names, counter_quantity, level
from harness.experiment.constraints import OWN_CLIENT
from harness.model import ROLES, Arm, ArmUtilisation, Bottleneck, CounterSummary, Experiment, Interval, Record

SATURATED_UTILISATION = 0.9
BOUNDS: dict[str, Bottleneck] = {"client": "client-bound", "nginx": "proxy-bound", "app": "app-bound"}

RoleCpus = Mapping[str, Sequence[int]]  # by role


def counter_summaries(experiment: Experiment, visits: RunSeries) -> tuple[CounterSummary, ...]:
    """Return a summary of each counter, from the bursts under perf where visits do not have it."""
    counted = [record.model_copy(update={"visits": record.counted}) for record in visits.records]
    under_perf = RunSeries(counted, experiment=experiment)
    in_visits = {name for record in visits.records[:1] for visit in record.visits for name in visit.counters}
    first_pairs = list(_first_pairs(experiment))
    summaries = []
    for name in counter_names(visits.records):
        quantity, is_cpu = counter_quantity(name), name.endswith(".cpu_us")
        series = visits if is_cpu or name in in_visits else under_perf
        of_arm = replace(quantity, centre="mean") if is_cpu else quantity  # as in the table of arms
        arms = {arm.name: interval_of(series, WeightedSum(of_arm, {arm.name: 1.0})) for arm in experiment.arms}
        differences = {pair[0]: interval_of(series, difference(pair, quantity)) for pair in first_pairs}
        summaries.append(
            CounterSummary(
                name=name,
                arms={arm: interval for arm, interval in arms.items() if interval},
                differences={arm: interval for arm, interval in differences.items() if interval},
            )
        )
    return tuple(summaries)


def _first_pairs(experiment: Experiment) -> Iterator[ArmPair]:
    """Yield the pair of each arm with its first reference."""
    first = dict(reversed(experiment.pairs))
    return (pair for pair in experiment.pairs if first[pair[0]] == pair[1])


def counting_overhead_percent(series: RunSeries) -> Interval | None:
    """Return how much longer a request takes in rounds with counters, in percent; None without such rounds."""
    times = series.values(TIME_US)
    ratios = [_counting_log_ratios(record, times[record.session]) for record in series.records]
    medians = [float(np.median(of_session)) for of_session in ratios if of_session]
    if len(medians) < 2:
        return None
    log_ratio = estimate_mean(np.array(medians))
    low, high = log_ratio.interval(CONFIDENCE)
    return Interval(value=to_percent(log_ratio.mean), low=to_percent(low), high=to_percent(high))


def _counting_log_ratios(record: Record, times_us: Mapping[str, Series]) -> list[float]:
    """Return the mean log ratio over arms of each round with counters to its neighbour."""
    place = {round_: index for index, round_ in enumerate(sorted({visit.round for visit in record.visits}))}
    logs = np.log(np.array(list(times_us.values())))
    ratios = [
        logs[:, place[counted]] - logs[:, place[counted ^ 1]]  # the other round of the two
        for counted in sorted({visit.round for visit in record.visits if visit.counters})
        if counted ^ 1 in place
    ]
    return [float(np.nanmean(of_arms)) for of_arms in ratios if np.isfinite(of_arms).any()]


def arm_utilisations(experiment: Experiment, series: RunSeries) -> tuple[ArmUtilisation, ...]:
    """Return the utilisation of each arm that our client visited, without services.

    The time of an outside tool includes its start, and not all processes of a service are known.
    """
    arms = [arm for arm in experiment.arms if arm.settings.tool == OWN_CLIENT and not arm.settings.url]
    candidates = (_arm_utilisation(arm, series) for arm in arms)
    return tuple(load for load in candidates if load)


def _arm_utilisation(arm: Arm, series: RunSeries) -> ArmUtilisation | None:
    wall_us = level(series, arm.name, WALL_US).difference
    if not wall_us.size:
        return None
    used_us = {role: level(series, arm.name, counter_quantity(f"{role}.cpu_us")).difference for role in ROLES}
    per_second = {role: fmean(values) / fmean(wall_us) for role, values in used_us.items() if values.size}
    placed: RoleCpus = series.records[0].proofs.get(arm.name, {}).get("cpus", {})
    busy = {role: cpus / _usable_cpus(role, arm, placed) for role, cpus in per_second.items()}
    bound, together = bottleneck(busy, per_second, placed)
    return ArmUtilisation(arm=arm.name, utilisation=busy, bound=bound, together=together)


def bottleneck(
    busy: Mapping[str, float], per_second: Mapping[str, float], placed: RoleCpus
) -> tuple[Bottleneck, tuple[str, ...]]:
    """Return the bottleneck: a saturated role, or the busiest of roles that together saturate their CPUs.

    The second value is the roles that share CPUs. Without saturation the arm is latency-bound. `busy` is relative to
    the CPUs that a role can use, `per_second` is in CPUs.
    """
    busiest = max(busy, key=busy.__getitem__, default="")
    if busy.get(busiest, 0) >= SATURATED_UTILISATION:
        return BOUNDS[busiest], ()
    for cpus in dict.fromkeys(tuple(placed[role]) for role in per_second if role in placed):
        sharing = [role for role in per_second if role in placed and tuple(placed[role]) == cpus]
        if sum(per_second[role] for role in sharing) >= SATURATED_UTILISATION * len(cpus):
            return BOUNDS[max(sharing, key=per_second.__getitem__)], tuple(sharing)
    return "latency-bound", ()


def _usable_cpus(role: str, arm: Arm, placed: RoleCpus) -> int:
    """Return the CPUs that a role can use: 1 for nginx and a null server, the number of workers for the app."""
    if role != "app" or arm.settings.chain == "floor":
        return 1
    return max(1, min(arm.settings.workers, len(placed.get(role, ())) or 1))
