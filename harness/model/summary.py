"""The summary of a run: summary.json."""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, Field

from harness.model.base import JsonModel, Verdict
from harness.model.effects import (
    Effect,
    FactorInteraction,
    Interaction,
    JointEffect,
    JudgedEffect,
    Ladder,
    LevelEffect,
    MainEffect,
    TailEffect,
    ToolAgreement,
)
from harness.model.experiment import Pilot, Schedule
from harness.model.explanation import (
    ArmUtilisation,
    Capacity,
    ConnectionSetup,
    CounterSummary,
    Explanation,
    Interval,
    LoadPoint,
    OpenLoopTimes,
    PercentileValue,
    Waterfall,
)
from harness.model.profile import ProfileComparison
from harness.model.record import Calibration, Doubt, HostFacts, ThrottleCounts
from harness.model.tools import ImportedRun
from harness.model.waiting import RequestChain, WaitingComparison


class ArmSummary(JsonModel):
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
    percentiles: dict[str, PercentileValue] = Field(default_factory=dict)  # "p99", in us
    tails: dict[str, Interval] = Field(default_factory=dict)  # those above the median that are means over sessions
    cpu_us: dict[str, float]
    control_of: str | None
    paced: OpenLoopTimes | None = None
    settings: dict[str, Any]  # that differ from the defaults, and always the transport


class ApplicationFile(JsonModel):
    """The application file of some arms; `directory` is app_dir, "" for barehop's own; "" for unknown values."""

    app: str
    directory: str
    file: str
    sha256: str
    arms: tuple[str, ...]


class Comparison(JudgedEffect):
    """An arm relative to `against`, with its verdict."""

    checks: dict[str, float] = Field(
        default_factory=dict
    )  # other methods' answers: bootstrap_low, bootstrap_high (percent), sign_flip_p


class RunSeconds(JsonModel):
    """The duration of a run, and the part with measurements."""

    total: float
    measuring: float


class NeededBudget(JsonModel):
    """The `--budget` that would "decide" what is undecided, or give the requested "precision".

    None: beyond 30 times the duration of the run, or a day.
    """

    goal: Literal["decide", "precision"]
    budget_s: float | None


class Summary(JsonModel):
    """`summary.json`, format 1: keys may be added, never renamed."""

    format: Literal[1] = 1
    id: str = ""  # a hash over what was measured; see harness/store/identity.py
    experiment: str
    question: str
    directory: str
    overrides: tuple[str, ...] = ()
    allow_global: bool = False
    served_from: str = ""  # as in `Plan`
    sessions: int
    planned_sessions: int
    valid: bool
    seconds: RunSeconds
    arms: dict[str, ArmSummary]
    comparisons: tuple[Comparison, ...]
    effects: tuple[Effect, ...] = ()  # every contrast in one shape
    doubts: tuple[Doubt, ...]
    interactions: tuple[Interaction, ...] = ()
    levels: tuple[LevelEffect, ...] = ()
    both_at_once: tuple[JointEffect, ...] = ()
    main_effects: tuple[MainEffect, ...] = ()
    factor_interactions: tuple[FactorInteraction, ...] = ()
    tool_signs: tuple[ToolAgreement, ...] = ()
    ladders: tuple[Ladder, ...] = ()
    throttled: tuple[ThrottleCounts, ...] = ()
    tails: tuple[TailEffect, ...] = ()
    schedule: Schedule | None = None
    pilot: Pilot | None = None
    counters: tuple[CounterSummary, ...] = ()
    explanations: tuple[Explanation, ...] = ()
    loads: tuple[ArmUtilisation, ...] = ()
    waterfalls: tuple[Waterfall, ...] = ()
    setups: tuple[ConnectionSetup, ...] = ()
    counted_events: dict[str, str] = Field(default_factory=dict)  # perf events by name; `counters` has their counts
    counting_percent: Interval | None = None  # overhead of reading counters
    capacities: tuple[Capacity, ...] = ()
    load_points: tuple[LoadPoint, ...] = ()
    profiles: tuple[ProfileComparison, ...] = ()
    chains: tuple[RequestChain, ...] = ()
    waiting: tuple[WaitingComparison, ...] = ()
    unseen: tuple[str, ...] = ()  # counters that are not available, and why
    calibration: Calibration | None = None  # the last one of this host
    needed: NeededBudget | None = None
    applications: tuple[ApplicationFile, ...] = ()
    foreign: tuple[ImportedRun, ...] = ()  # imported runs that are shown alongside; without single times


class ArmBrief(BaseModel):
    """What a history needs of an arm."""

    control_of: str | None = None


class EffectBrief(BaseModel):
    """What a history needs of a comparison or a main effect."""

    arm: str
    against: str
    metric: str
    percent: float | None = None
    percent_low: float | None = None
    percent_high: float | None = None
    confidence: float = 0.95
    verdict: Verdict | None = None
    where: dict[str, str] = Field(default_factory=dict)


class DoubtBrief(BaseModel):
    """What a history needs of a doubt."""

    kind: str


class SummaryBrief(BaseModel):
    """The part of summary.json that a history shows; everything else is ignored, and may be of any version."""

    id: str = ""
    experiment: str
    overrides: tuple[str, ...] = ()
    sessions: int
    valid: bool
    arms: dict[str, ArmBrief]
    comparisons: tuple[EffectBrief, ...] = ()
    main_effects: tuple[EffectBrief, ...] = ()
    doubts: tuple[DoubtBrief, ...] = ()


@dataclass(frozen=True, slots=True)
class RunBrief:
    """A run as a history reads it."""

    directory: str
    started_utc: str
    summary: SummaryBrief
    host: HostFacts
