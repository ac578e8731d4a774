"""What is said of a run: summary.json."""

from typing import Any, Literal

from pydantic import Field

from harness.model.plan import Pilot, Schedule
from harness.model.record import Doubt
from harness.model.why import Amount, Counter, Explanation, Load, Setup, Waterfall
from harness.model.words import Metric, Model, Verdict


class ArmSummary(Model):
    requests: int
    failed: int
    requests_per_s: float | None
    mean_us: float | None
    p50_us: float | None
    p90_us: float | None
    p99_us: float | None
    cpu_us: dict[str, float]
    control_of: str | None
    settings: dict[str, Any]  # what differs from [arm]'s defaults, and always the transport


class Comparison(Model):
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
    verdict: Verdict | None
    why: str = ""  # why there is no verdict
    checks: dict[str, float] = Field(
        default_factory=dict
    )  # other methods' answers: bootstrap_low, bootstrap_high (percent), sign_flip_p
    sessions_to_decide: int | None = None


class Seconds(Model):
    total: float
    measuring: float


class Summary(Model):
    """`summary.json`, format 1: keys may be added, never renamed."""

    format: Literal[1] = 1
    experiment: str
    question: str
    directory: str
    overrides: tuple[str, ...] = ()
    sessions: int
    planned_sessions: int
    valid: bool
    seconds: Seconds
    arms: dict[str, ArmSummary]
    comparisons: tuple[Comparison, ...]
    doubts: tuple[Doubt, ...]
    schedule: Schedule | None = None
    pilot: Pilot | None = None
    counters: tuple[Counter, ...] = ()
    explanations: tuple[Explanation, ...] = ()
    loads: tuple[Load, ...] = ()
    waterfalls: tuple[Waterfall, ...] = ()
    setups: tuple[Setup, ...] = ()
    counting_percent: Amount | None = None  # what reading the counters adds to a request
    unseen: tuple[str, ...] = ()  # what could not be counted, and why
    calibration: dict[str, Any] | None = None  # the last one of this host, as `calibrate --json` printed it
