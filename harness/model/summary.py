"""The summary of a run: summary.json."""

from typing import Any, Literal

from pydantic import Field

from harness.model.difference import Difference
from harness.model.factors import BothAtOnce, FactorInteraction, Interaction, LevelEffect, MainEffect, Tail, ToolSign
from harness.model.foreign import Foreign
from harness.model.ladder import Ladder
from harness.model.load import Capacity, LoadPoint, Paced
from harness.model.plan import Pilot, Schedule
from harness.model.record import Doubt
from harness.model.throttled import Throttled
from harness.model.why import Amount, Counter, Explanation, Load, Setup, Waterfall
from harness.model.words import Model, Verdict


class ArmSummary(Model):
    """The summary of an arm; the averages are means of session means."""

    requests: int
    failed: int
    failed_by_kind: dict[str, int] = Field(default_factory=dict)
    requests_per_s: float | None
    mean_us: float | None
    p50_us: float | None
    p90_us: float | None
    p99_us: float | None
    p999_us: float | None = None
    tails: dict[str, Amount] = Field(default_factory=dict)  # "p99": the mean over sessions with its interval
    cpu_us: dict[str, float]
    control_of: str | None
    paced: Paced | None = None
    settings: dict[str, Any]  # that differ from the defaults, and always the transport


class Application(Model):
    """The application file of some arms; `directory` is app_dir, "" for barehop's own; "" for unknown values."""

    app: str
    directory: str
    file: str
    sha256: str
    arms: tuple[str, ...]


class Comparison(Difference):
    """An arm relative to `against`, with its verdict."""

    verdict: Verdict | None
    checks: dict[str, float] = Field(
        default_factory=dict
    )  # other methods' answers: bootstrap_low, bootstrap_high (percent), sign_flip_p


class Seconds(Model):
    """The duration of a run, and the part with measurements."""

    total: float
    measuring: float


class Needed(Model):
    """The `--budget` that would "decide" what is undecided, or give the requested "precision".

    None: not within a day on this machine.
    """

    goal: Literal["decide", "precision"]
    budget_s: float | None


class Summary(Model):
    """`summary.json`, format 1: keys may be added, never renamed."""

    format: Literal[1] = 1
    experiment: str
    question: str
    directory: str
    overrides: tuple[str, ...] = ()
    allow_global: bool = False
    sessions: int
    planned_sessions: int
    valid: bool
    seconds: Seconds
    arms: dict[str, ArmSummary]
    comparisons: tuple[Comparison, ...]
    doubts: tuple[Doubt, ...]
    interactions: tuple[Interaction, ...] = ()
    levels: tuple[LevelEffect, ...] = ()
    both_at_once: tuple[BothAtOnce, ...] = ()
    main_effects: tuple[MainEffect, ...] = ()
    factor_interactions: tuple[FactorInteraction, ...] = ()
    tool_signs: tuple[ToolSign, ...] = ()
    ladders: tuple[Ladder, ...] = ()
    throttled: tuple[Throttled, ...] = ()
    tails: tuple[Tail, ...] = ()
    schedule: Schedule | None = None
    pilot: Pilot | None = None
    counters: tuple[Counter, ...] = ()
    explanations: tuple[Explanation, ...] = ()
    loads: tuple[Load, ...] = ()
    waterfalls: tuple[Waterfall, ...] = ()
    setups: tuple[Setup, ...] = ()
    counting_percent: Amount | None = None  # overhead of reading counters
    capacities: tuple[Capacity, ...] = ()
    load_points: tuple[LoadPoint, ...] = ()
    unseen: tuple[str, ...] = ()  # counters that are not available, and why
    calibration: dict[str, Any] | None = None  # the last one of this host, in the format of `calibrate --json`
    needed: Needed | None = None
    applications: tuple[Application, ...] = ()
    foreign: tuple[Foreign, ...] = ()  # imported runs that are shown alongside; without single times
