"""Counts per request and how they differ between two arms; loads of the processes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from harness.analysis.statistics.inference import to_percent
from harness.analysis.statistics.series import ArmPair
from harness.analysis.why.quantities import (
    BySession,
    counter_centre,
    counter_names,
    counter_value,
    difference_by_session,
    level_by_session,
    mean_interval,
    role_cpu_us,
    time_us,
    values_by_arm_and_round,
    wall_us,
)
from harness.experiment.constraints import OWN_CLIENT
from harness.model import ROLES, Arm, ArmUtilisation, Bottleneck, CounterSummary, Experiment, Interval, Record

SATURATED_UTILISATION = 0.9
BOUNDS: dict[str, Bottleneck] = {"client": "client-bound", "nginx": "proxy-bound", "app": "app-bound"}

RoleCpus = Mapping[str, Sequence[int]]  # by role


@dataclass(frozen=True, slots=True)
class CounterRecords:
    """The records, and the same with the bursts under perf instead of the visits."""

    records: Sequence[Record]
    under_perf: Sequence[Record]

    def with_counter(self, name: str) -> Sequence[Record]:
        """Return the records whose visits have the counter."""
        in_visits = any(name in visit.counters for visit in self.records[0].visits) or name.endswith(".cpu_us")
        return self.records if in_visits else self.under_perf


def counter_records(records: Sequence[Record]) -> CounterRecords:
    """Return the records with their bursts under perf beside them."""
    return CounterRecords(records, [record.model_copy(update={"visits": record.counted}) for record in records])


def counter_summaries(experiment: Experiment, records: Sequence[Record]) -> tuple[CounterSummary, ...]:
    """Return a summary of each counter; none without sessions."""
    return tuple(_counter_summaries(experiment, counter_records(records))) if records else ()


def _counter_summaries(experiment: Experiment, records_by_kind: CounterRecords) -> Iterator[CounterSummary]:
    for name in counter_names(records_by_kind.records):
        records, value, centre = records_by_kind.with_counter(name), counter_value(name), counter_centre(name)
        arm_centre = "mean" if name.endswith(".cpu_us") else centre  # as in the table of arms
        arms = {
            arm.name: mean_interval(level_by_session(records, arm.name, value, arm_centre)) for arm in experiment.arms
        }
        differences = {
            pair[0]: mean_interval(_difference(pair, records_by_kind, name)) for pair in _first_pairs(experiment)
        }
        yield CounterSummary(
            name=name,
            arms={arm: interval for arm, interval in arms.items() if interval},
            differences={arm: interval for arm, interval in differences.items() if interval},
        )


def _first_pairs(experiment: Experiment) -> Iterator[ArmPair]:
    """Yield the pair of each arm with its first reference."""
    first = dict(reversed(experiment.pairs))
    return (pair for pair in experiment.pairs if first[pair[0]] == pair[1])


def _difference(pair: ArmPair, records_by_kind: CounterRecords, name: str) -> BySession:
    return difference_by_session(records_by_kind.with_counter(name), pair, counter_value(name), counter_centre(name))


def counting_overhead_percent(records: Sequence[Record]) -> Interval | None:
    """Return how much longer a request takes in rounds with counters, in percent; None without such rounds."""
    per_session = {record.session: list(_log_ratios(record)) for record in records}
    log_ratio = mean_interval({session: float(np.median(ratios)) for session, ratios in per_session.items() if ratios})
    if log_ratio is None or log_ratio.low is None or log_ratio.high is None:
        return None
    return Interval(value=to_percent(log_ratio.value), low=to_percent(log_ratio.low), high=to_percent(log_ratio.high))


def _log_ratios(record: Record) -> Iterator[float]:
    """Yield the mean log ratio over arms of each round with counters to its neighbour."""
    series = values_by_arm_and_round(record.visits, time_us)
    for counted in sorted({visit.round for visit in record.visits if visit.counters}):
        other = counted ^ 1  # the other round of the two
        both = [of_arm for of_arm in series.values() if counted in of_arm and other in of_arm]
        if both:
            yield float(np.mean([np.log(of_arm[counted]) - np.log(of_arm[other]) for of_arm in both]))


def arm_utilisations(experiment: Experiment, records: Sequence[Record]) -> tuple[ArmUtilisation, ...]:
    """Return the utilisation of each arm that our client visited, without services.

    The time of an outside tool includes its start, and not all processes of a service are known.
    """
    arms = [arm for arm in experiment.arms if arm.settings.tool == OWN_CLIENT and not arm.settings.url]
    candidates = (_arm_utilisation(arm, records) for arm in arms)
    return tuple(load for load in candidates if load)


def _arm_utilisation(arm: Arm, records: Sequence[Record]) -> ArmUtilisation | None:
    wall_us_ = level_by_session(records, arm.name, wall_us, "trimmed").values()
    used = {role: level_by_session(records, arm.name, role_cpu_us(role), "trimmed").values() for role in ROLES}
    if not wall_us_:
        return None
    per_second = {role: fmean(values) / fmean(wall_us_) for role, values in used.items() if values}
    placed: RoleCpus = records[0].proofs.get(arm.name, {}).get("cpus", {})
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
    """Return the CPUs that a role can use: 1 for nginx and a bare server, the number of workers for the app."""
    if role != "app" or arm.settings.chain == "floor":
        return 1
    return max(1, min(arm.settings.workers, len(placed.get(role, ())) or 1))
