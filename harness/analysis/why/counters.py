"""Every counter as a rate per request, with its difference, over sessions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.analysis.effects import Pair
from harness.analysis.why.per_session import BySession, amount, difference, level
from harness.analysis.why.quantities import centre_of, counter, counter_names
from harness.model import Counter, Experiment, Record


@dataclass(frozen=True, slots=True)
class Counted:
    """The records, and the same with the bursts under perf in place of the visits."""

    records: Sequence[Record]
    under_perf: Sequence[Record]

    def having(self, name: str) -> Sequence[Record]:
        in_visits = any(name in visit.counters for visit in self.records[0].visits) or name.endswith(".cpu_us")
        return self.records if in_visits else self.under_perf


def counted(records: Sequence[Record]) -> Counted:
    return Counted(records, [record.model_copy(update={"visits": record.counted}) for record in records])


def counters(experiment: Experiment, records: Sequence[Record]) -> tuple[Counter, ...]:
    """One for each name that was counted; none without sessions."""
    return tuple(_counters(experiment, counted(records))) if records else ()


def _counters(experiment: Experiment, of: Counted) -> Iterator[Counter]:
    for name in counter_names(of.records):
        records, value, centre = of.having(name), counter(name), centre_of(name)
        own = "mean" if name.endswith(".cpu_us") else centre  # as the arms' own table has it
        arms = {arm.name: amount(level(records, arm.name, value, own)) for arm in experiment.arms}
        differences = {pair[0]: amount(_difference(pair, of, name)) for pair in _first_pairs(experiment)}
        yield Counter(
            name=name,
            arms={arm: seen for arm, seen in arms.items() if seen},
            differences={arm: seen for arm, seen in differences.items() if seen},
        )


def _first_pairs(experiment: Experiment) -> Iterator[Pair]:
    """Of an arm that has several references, the first."""
    first = dict(reversed(experiment.pairs))
    return (pair for pair in experiment.pairs if first[pair[0]] == pair[1])


def _difference(pair: Pair, of: Counted, name: str) -> BySession:
    return difference(of.having(name), pair, counter(name), centre_of(name))
