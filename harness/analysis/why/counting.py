"""What reading the counters costs the requests: each round with counters against its neighbours without."""

from collections.abc import Iterator, Mapping, Sequence

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
    """For each counted round: the mean over arms of how it compares with the rounds before and after, which cancels
    what drifts steadily."""
    series = quantity(record.visits, time_us)
    for round_ in sorted({visit.round for visit in record.visits if visit.counters}):
        ratios = [_log_ratio(of_arm, round_) for of_arm in series.values()]
        known = [ratio for ratio in ratios if ratio is not None]
        if known:
            yield float(np.mean(known))


def _log_ratio(of_arm: Mapping[int, float], round_: int) -> float | None:
    before, now, after = (of_arm.get(place) for place in (round_ - 1, round_, round_ + 1))
    if before is None or now is None or after is None:
        return None
    return float(np.log(now) - (np.log(before) + np.log(after)) / 2)
