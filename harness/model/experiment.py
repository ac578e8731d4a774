"""An experiment and its arms; and the plan made of it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from harness.model.base import JsonModel
from harness.model.settings import Settings

ScreenKind = Literal["", "one-at-a-time", "factorial", "plackett-burman", "resolution-iv"]
EstimatorName = Literal["median of means", "middle third"]  # see harness/model/metrics.py
Ordering = Literal["uniform", "neighbours"]  # see harness/experiment/visit_order.py
CURRENT_ORDERING: Ordering = "neighbours"
ORDERING_TEXTS: Mapping[Ordering, str] = {
    "uniform": "in random order",
    "neighbours": "in a random order that keeps compared arms near to each other",
}
MAX_SECONDS = 7 * 24 * 3600
MAX_SESSIONS = 10_000
MAX_PER_SESSION = 1_000_000


class Arm(JsonModel):
    """An arm: a name and its settings; a control also names its arm."""

    name: str
    settings: Settings
    control_of: str | None = None


class Design(JsonModel):
    """The design of an experiment: the keys of `[design]`."""

    model_config = ConfigDict(strict=True)

    against: str | dict[str, Any] = ""
    pairs: tuple[Annotated[tuple[str, ...], Field(strict=False)], ...] = Field((), strict=False)
    control: bool = True
    precision_percent: float = Field(0.5, gt=0)
    budget_s: float = Field(60, gt=0, le=MAX_SECONDS)
    equivalence_percent: float = Field(1.0, gt=0, lt=100)
    screen: ScreenKind = ""
    expect_null: tuple[str, ...] = Field((), strict=False)
    seed: int = 1
    processes: Literal["shared", "separate"] = "shared"
    layout: Literal["random", "matched"] = "random"
    sessions: int | None = Field(None, ge=2, le=MAX_SESSIONS)
    rounds: int | None = Field(None, ge=1, le=MAX_PER_SESSION)
    burst: int | None = Field(None, ge=1, le=MAX_PER_SESSION)
    settle: int | None = Field(None, ge=0, le=MAX_PER_SESSION)
    profile: bool | Literal["dwarf"] = False  # "dwarf": with the whole stacks of programs without frame pointers


class Experiment(JsonModel):
    """An experiment: the arms of a file, what is compared, and the design."""

    name: str
    question: str
    arms: tuple[Arm, ...]  # with the control
    pairs: tuple[tuple[str, str], ...]  # (arm, against), the control's pair first
    design: Design  # `expect_null` has full names
    # Of a screen, by arm: the level of each factor, as in the names; in the first arm all are at their first level.
    levels: dict[str, dict[str, str]] = Field(default_factory=dict)
    tcp_only: tuple[str, ...] = ()  # settings of the arms that can affect only TCP
    counters: dict[str, str] = Field(default_factory=dict)  # perf events by name
    left_out: dict[str, str] = Field(default_factory=dict)  # by arm of the file: why this machine does not have it

    def arm(self, name: str) -> Arm:
        """Return the arm of that name."""
        return next(arm for arm in self.arms if arm.name == name)


class Schedule(JsonModel):
    """The lengths of a run, from the file or from the pilot."""

    sessions: int
    rounds: int  # with `visiting_s`, the expected number
    burst: int
    settle: int
    reason: str
    looks: tuple[int, ...] = ()  # numbers of sessions after which the run may stop, the last of them `sessions`
    visiting_s: float | None = None  # a session makes as many rounds as fit into this time
    fewest_rounds: int = 2  # but at least these
    counted_sessions: int = 4  # first sessions, which have a pass under perf
    limit_s: float | None = None  # from the start of the command to its latest end
    estimator: EstimatorName = "median of means"  # of the typical request; that of files that do not name one
    ordering: Ordering = "uniform"  # of the visits of a round; that of files that do not name one


class CarryOverPoint(JsonModel):
    """How much longer a request at `position` after a switch of arms takes than a settled one; 95 % interval."""

    position: int
    percent: float
    percent_low: float
    percent_high: float


class AllanPoint(JsonModel):
    """The Allan deviation of bursts of this length, and the half width of the interval in the planned time."""

    burst: int
    deviation_percent: float
    half_width_percent: float


class Pilot(JsonModel):
    """The result of the pilot sessions, and the lengths that follow from it."""

    requests: int
    carry_over: tuple[CarryOverPoint, ...]
    allan: tuple[AllanPoint, ...]
    settle: int
    burst: int
    session_sd_percent: float
    round_sd_percent: float
    session_s: float
    round_s: float
    half_width_percent: float
    gain: float  # how many times wider the interval would be, in the same time, with one arm after the other
    counting_s: float = 0.0  # of the perf pass of a session
    slowness: float = 1.0  # factor by which other users of the CPUs slow everything down
    answers: dict[str, dict[str, Any]] = Field(default_factory=dict)  # by arm: the first answers, as in the proofs


class Plan(JsonModel):
    """`plan.json`: all that is needed to run, resume and analyse."""

    format: Literal[1] = 1
    run_id: str = ""  # in every record of the run; runs of earlier versions have none
    overrides: tuple[str, ...] = ()  # the --set options, already applied to `experiment`
    experiment: Experiment  # with rates in percent as requests per second
    schedule: Schedule
    # By session and round: indices into `experiment.arms`. A long plan has none: they follow from the seed.
    orders: tuple[tuple[tuple[int, ...], ...], ...]
    pilot: Pilot | None = None
    capacities_per_s: dict[str, float] = Field(default_factory=dict)  # by arm: what rates in percent refer to
    allow_global: bool = False  # whether knobs may change values of the whole machine
    out_of_time_after: int | None = None  # sessions of a run that its time limit ended
    served_from: str = ""  # HOST:PORT of the machine with the servers; "": they are on this one

    @property
    def actual_schedule(self) -> Schedule:
        """Schedule with the sessions that the time limit allowed; the limit is no look at the data."""
        last = self.out_of_time_after
        if last is None:
            return self.schedule
        looks = tuple(look for look in self.schedule.looks if look < last)
        return self.schedule.model_copy(update={"sessions": last, "looks": (*looks, last)})
