"""The overhead of reading counters: in each two rounds, the one with counters against the other."""

from collections.abc import Iterator, Sequence

import numpy as np

from harness.analysis.estimate import percent
from harness.analysis.why.per_session import amount, quantity
from harness.analysis.why.quantities import time_us
from harness.model import Amount, Record


def counting_percent(records: Sequence[Record]) -> Amount | None:
    """Return how much longer a request takes in rounds with counters, in percent; None without such rounds."""
    per_session = {record.session: list(_log_ratios(record)) for record in records}
    log_ratio = amount({session: float(np.median(ratios)) for session, ratios in per_session.items() if ratios})
    if log_ratio is None or log_ratio.low is None or log_ratio.high is None:
        return None
    return Amount(value=percent(log_ratio.value), low=percent(log_ratio.low), high=percent(log_ratio.high))


def _log_ratios(record: Record) -> Iterator[float]:
    """Yield the mean log ratio over arms of each round with counters to its neighbour."""
    series = quantity(record.visits, time_us)
    for counted in sorted({visit.round for visit in record.visits if visit.counters}):
        other = counted ^ 1  # the other round of the two
        both = [of_arm for of_arm in series.values() if counted in of_arm and other in of_arm]
        if both:
            yield float(np.mean([np.log(of_arm[counted]) - np.log(of_arm[other]) for of_arm in both]))
