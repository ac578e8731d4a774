"""What every difference between two arms says of itself, whatever it is a difference of."""

from harness.model.words import Metric, Model


class Difference(Model):
    """An arm relative to `against`, in time: negative is faster. None where there is no number to be had."""

    arm: str
    against: str
    metric: Metric
    percent: float | None
    percent_low: float | None
    percent_high: float | None
    us: float | None
    us_low: float | None
    us_high: float | None
    confidence: float = 0.95  # of the interval: more than 0.95 where the run could have stopped earlier
    p: float | None
    p_adjusted: float | None = None
    margin_percent: float | None = None  # within which it would be equivalent
    why: str = ""  # why there is no verdict
    sessions_to_decide: int | None = None
