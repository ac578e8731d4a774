"""The fields that all effects share."""

from harness.model.words import Metric, Model


class Difference(Model):
    """The effect of an arm relative to `against`, in time: negative is faster. None: no number is available."""

    arm: str
    against: str
    metric: Metric
    percent: float | None
    percent_low: float | None
    percent_high: float | None
    us: float | None
    us_low: float | None
    us_high: float | None
    confidence: float = 0.95  # of the interval: above 0.95 if the run could have stopped earlier
    p: float | None
    p_adjusted: float | None = None
    margin_percent: float | None = None  # of equivalence
    why: str = ""  # why there is no verdict
    sessions_to_decide: int | None = None
