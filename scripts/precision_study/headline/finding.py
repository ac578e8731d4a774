"""What a run of the study found, beside what was true."""

from collections.abc import Sequence
from statistics import fmean

from harness.analysis.contrasts.engine import RunSeries
from harness.analysis.why.quantities import level
from harness.model import METRICS, Comparison, JsonModel, Record, Summary, Verdict
from harness.session.summarize import RunResults
from scripts.precision_study.headline.design import EQUAL, MORE, Kind

REFERENCE, ARM, CONTROL = "tcp", "more", "control"
METRIC = "latency"


class Finding(JsonModel):
    """The answer of a run. `burn_us`: the truth; `request_us`: the time of a request of the reference.

    `is_valid`: the report does not warn in its first line. The numbers are None for a run without a comparison.
    """

    run: int
    kind: Kind
    burn_us: float
    request_us: float
    verdict: Verdict | None
    percent: float | None
    percent_low: float | None
    percent_high: float | None
    us: float | None
    us_low: float | None
    us_high: float | None
    control_verdict: Verdict | None
    is_valid: bool
    sessions: int
    seconds: float

    @property
    def half_width_percent(self) -> float | None:
        """Return half of the width of the interval."""
        if self.percent_low is None or self.percent_high is None:
            return None
        return (self.percent_high - self.percent_low) / 2

    @property
    def covers_truth(self) -> bool:
        """Return whether the interval contains the true burn; without an interval it does not."""
        return self.us_low is not None and self.us_high is not None and self.us_low <= self.burn_us <= self.us_high

    @property
    def burn_percent(self) -> float:
        """Return the burn in percent of a request's time in this run."""
        return 100 * self.burn_us / self.request_us


def finding_of(run: int, burn_us: float, results: RunResults, seconds: float) -> Finding:
    """Return what the results of a run say; `seconds`: of the whole command."""
    summary = results.summary
    effect = _comparison(summary, ARM)
    return Finding(
        run=run,
        kind=MORE if burn_us else EQUAL,
        burn_us=burn_us,
        request_us=request_us(results.records),
        verdict=effect.verdict,
        percent=effect.percent,
        percent_low=effect.percent_low,
        percent_high=effect.percent_high,
        us=effect.us,
        us_low=effect.us_low,
        us_high=effect.us_high,
        control_verdict=_comparison(summary, CONTROL).verdict,
        is_valid=summary.valid,
        sessions=summary.sessions,
        seconds=seconds,
    )


def request_us(records: Sequence[Record]) -> float:
    """Return the typical time of a request of the reference, by the estimator that the verdict rests on."""
    return fmean(level(RunSeries(records), REFERENCE, METRICS[METRIC]).difference)


def _comparison(summary: Summary, arm: str) -> Comparison:
    return next(effect for effect in summary.comparisons if (effect.arm, effect.metric) == (arm, METRIC))
