"""Counters per request, with the differences between arms, over sessions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.analysis.effects import Pair
from harness.analysis.why.per_session import BySession, amount, difference, level
from harness.analysis.why.quantities import centre_of, counter, counter_names
from harness.model import Counter, Experiment, Record


@dataclass(frozen=True, slots=True)
class Counted:
    """The records, and the same with the bursts under perf instead of the visits."""

    records: Sequence[Record]
    under_perf: Sequence[Record]

    def having(self, name: str) -> Sequence[Record]:
        """Return the records whose visits have the counter."""
        in_visits = any(name in visit.counters for visit in self.records[0].visits) or name.endswith(".cpu_us")
        return self.records if in_visits else self.under_perf


def counted(records: Sequence[Record]) -> Counted:
    """Return the records with their bursts under perf beside them."""
    return Counted(records, [record.model_copy(update={"visits": record.counted}) for record in records])


def counters(experiment: Experiment, records: Sequence[Record]) -> tuple[Counter, ...]:
    """Return a summary of each counter; none without sessions."""
    return tuple(_counters(experiment, counted(records))) if records else ()


def _counters(experiment: Experiment, records_by_kind: Counted) -> Iterator[Counter]:
    for name in counter_names(records_by_kind.records):
        records, value, centre = records_by_kind.having(name), counter(name), centre_of(name)
        arm_centre = "mean" if name.endswith(".cpu_us") else centre  # as in the table of arms
        arms = {arm.name: amount(level(records, arm.name, value, arm_centre)) for arm in experiment.arms}
        differences = {pair[0]: amount(_difference(pair, records_by_kind, name)) for pair in _first_pairs(experiment)}
        yield Counter(
            name=name,
            arms={arm: interval for arm, interval in arms.items() if interval},
            differences={arm: interval for arm, interval in differences.items() if interval},
        )


def _first_pairs(experiment: Experiment) -> Iterator[Pair]:
    """Yield the pair of each arm with its first reference."""
    first = dict(reversed(experiment.pairs))
    return (pair for pair in experiment.pairs if first[pair[0]] == pair[1])


def _difference(pair: Pair, records_by_kind: Counted, name: str) -> BySession:
    return difference(records_by_kind.having(name), pair, counter(name), centre_of(name))
