"""What is said of a run: summary.json."""

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
    requests: int
    failed: int
    failed_by_kind: dict[str, int] = Field(default_factory=dict)
    requests_per_s: float | None
    mean_us: float | None
    p50_us: float | None
    p90_us: float | None
    p99_us: float | None
    p999_us: float | None = None
    tails: dict[str, Amount] = Field(default_factory=dict)  # "p99": the mean of the sessions' with its interval
    cpu_us: dict[str, float]
    control_of: str | None
    paced: Paced | None = None
    settings: dict[str, Any]  # what differs from [arm]'s defaults, and always the transport


class Application(Model):
    """The file that was measured; `directory` as app_dir names it, "" for barehop's own; "" for what is not known."""

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
    total: float
    measuring: float


class Needed(Model):
    """The `--budget` that would "decide" what is undecided here, or give the "precision" that was asked for.

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
    counting_percent: Amount | None = None  # what reading the counters adds to a request
    capacities: tuple[Capacity, ...] = ()
    load_points: tuple[LoadPoint, ...] = ()
    unseen: tuple[str, ...] = ()  # what could not be counted, and why
    calibration: dict[str, Any] | None = None  # the last one of this host, as `calibrate --json` printed it
    needed: Needed | None = None
    applications: tuple[Application, ...] = ()
    foreign: tuple[Foreign, ...] = ()  # what was measured elsewhere and is set beside it; without single times
