"""What reading the counters costs the requests: of each two rounds, the one with counters against the other."""

from collections.abc import Iterator, Sequence

import numpy as np

from harness.analysis.estimate import percent
from harness.analysis.why.per_session import amount, quantity
from harness.analysis.why.quantities import time_us
from harness.model import Amount, Record


def counting_percent(records: Sequence[Record]) -> Amount | None:
    """By how much longer a request takes in rounds whose visits are counted, in percent; None where none are."""
    per_session = {record.session: list(_log_ratios(record)) for record in records}
    found = amount({session: float(np.median(ratios)) for session, ratios in per_session.items() if ratios})
    if found is None or found.low is None or found.high is None:
        return None
    return Amount(value=percent(found.value), low=percent(found.low), high=percent(found.high))


def _log_ratios(record: Record) -> Iterator[float]:
    """For each two rounds, of which one is counted: the mean over arms of how it compares with the other."""
    series = quantity(record.visits, time_us)
    for counted in sorted({visit.round for visit in record.visits if visit.counters}):
        other = counted ^ 1  # its neighbour in the couple
        both = [of_arm for of_arm in series.values() if counted in of_arm and other in of_arm]
        if both:
            yield float(np.mean([np.log(of_arm[counted]) - np.log(of_arm[other]) for of_arm in both]))
