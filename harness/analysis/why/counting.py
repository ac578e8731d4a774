"""What reading the counters costs the requests: rounds with counters against rounds without."""

from collections.abc import Sequence

import numpy as np

from harness.analysis.estimate import percent
from harness.analysis.why.per_session import amount, quantity
from harness.analysis.why.quantities import time_us
from harness.model import Amount, Record


def counting_percent(records: Sequence[Record]) -> Amount | None:
    """By how much longer a request takes in rounds whose visits are counted, in percent; None where none are."""
    found = amount([seen for record in records if (seen := _of_session(record)) is not None])
    if found is None or found.low is None or found.high is None:
        return None
    return Amount(value=percent(found.value), low=percent(found.low), high=percent(found.high))


def _of_session(record: Record) -> float | None:
    """The mean over arms of the log ratio of medians."""
    counted = {visit.round for visit in record.visits if visit.counters}
    ratios = [_log_ratio(of_rounds, counted) for of_rounds in quantity(record.visits, time_us).values()]
    known = [ratio for ratio in ratios if ratio is not None]
    return float(np.mean(known)) if known else None


def _log_ratio(of_rounds: dict[int, float], counted: set[int]) -> float | None:
    inside = [value for round_, value in of_rounds.items() if round_ in counted]
    outside = [value for round_, value in of_rounds.items() if round_ not in counted]
    return float(np.log(np.median(inside)) - np.log(np.median(outside))) if inside and outside else None
