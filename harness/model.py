"""The types that cross rooms. All are frozen, and every number carries its unit in its name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

ROLES = ("client", "nginx", "app")
SERVER_ROLES = ("nginx", "app")
Metric = Literal["latency", "mean", "cpu"]
Verdict = Literal["faster", "slower", "equivalent", "undecided"]
Home = Literal["port", "tmpfs", "directory"]


class Model(BaseModel):
    """A value that is written to and read from JSON; unknown keys and wrong types are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Cpus = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1, strict=False)]


class CpuLists(Model):
    """A placement by hand: the CPUs of each role."""

    model_config = ConfigDict(strict=True)

    client: Cpus
    nginx: Cpus
    app: Cpus


class Settings(Model):
    """Everything that an arm is made of: the keys of `[arm]`. The comment is the help that `list` shows."""

    model_config = ConfigDict(strict=True)

    transport: str = Field("tcp", description="how nginx reaches the application")
    upstream_keepalive: int = Field(
        0, ge=0, description="idle connections nginx keeps to the app; 0: a connection per request"
    )
    app: str = Field("app.main:app", min_length=1, description="the ASGI or WSGI application, module:name")
    app_dir: str = Field("", description='where the application is imported from; "": where barehop is')
    worker_class: Literal["uvicorn", "asgi", "sync"] = Field("uvicorn", description="gunicorn's worker")
    workers: int = Field(1, ge=1, le=256, description="gunicorn's worker processes")
    nginx: str = Field("nginx", min_length=1, description="which nginx: a name or a path")
    python: str = Field("", description='which Python runs gunicorn; "": the one barehop runs in')
    tls: bool = Field(False, description="nginx terminates TLS")
    path: str = Field("/", pattern=r"^/[A-Za-z0-9._~!*+,=:@%&/?-]*$", description="what is requested")
    connections: int = Field(1, ge=1, description="concurrent connections of the client")
    client_keepalive: bool = Field(False, description="whether the client keeps its connection to nginx")
    placement: Literal["auto", "split", "shared", "none"] | CpuLists = Field(
        "auto", description="who runs on which CPUs: auto, split, shared, none, or CPU lists per role"
    )
    network: str = Field("host", description="a rung of the ladder")
    cpu_quota: float = Field(0.0, ge=0, strict=False, description="CPUs' worth of CFS quota per role; 0: none")
    knobs: dict[str, int | str] = Field(default_factory=dict, description="kernel settings of the arm")
    url: str = Field("", description="an already running service instead of a stack of ours")
    tool: str = Field("client", description="who sends the requests")
    tool_requests: int = Field(1000, ge=1, description="requests of one run of an outside tool")
    tool_seconds: float = Field(0, ge=0, strict=False, description="... or how long it runs")


class Arm(Model):
    name: str
    settings: Settings
    control_of: str | None = None


class Design(Model):
    """How the question is put: the keys of `[design]`."""

    model_config = ConfigDict(strict=True)

    against: str | dict[str, Any] = ""
    control: bool = True
    precision_percent: float = Field(0.5, gt=0, strict=False)
    budget_s: float = Field(60, gt=0, strict=False)
    equivalence_percent: float = Field(1.0, gt=0, lt=100, strict=False)
    seed: int = 1
    processes: Literal["shared", "separate"] = "shared"
    sessions: int | None = Field(None, ge=2)
    rounds: int | None = Field(None, ge=1)
    burst: int | None = Field(None, ge=1)
    settle: int | None = Field(None, ge=0)


class Experiment(Model):
    """One question. `arms` includes the control; `pairs` are (arm, against), the control's pair first."""

    name: str
    question: str
    arms: tuple[Arm, ...]
    pairs: tuple[tuple[str, str], ...]
    design: Design

    def arm(self, name: str) -> Arm:
        return next(arm for arm in self.arms if arm.name == name)


class Schedule(Model):
    """How much is measured: what the file fixed, or what the pilot chose.

    `looks` are the numbers of sessions after which the run may stop, the last of them `sessions`. Where `visiting_s` is
    given, a session makes as many rounds as fit into it, and `rounds` is how many were expected.
    """

    sessions: int
    rounds: int
    burst: int
    settle: int
    reason: str
    looks: tuple[int, ...] = ()
    visiting_s: float | None = None


class CurvePoint(Model):
    """How much longer a request takes at `position` after a switch of arms than settled ones; 95 % interval."""

    position: int
    percent: float
    percent_low: float
    percent_high: float


class AllanPoint(Model):
    """What bursts of this length would give: the Allan deviation, and the half width in the time planned."""

    burst: int
    deviation_percent: float
    half_width_percent: float


class Pilot(Model):
    """What a few sessions before the first recorded one showed, and the lengths that follow from it.

    `gain` is how many times wider the interval would be, in the same time, with one arm after the other.
    """

    requests: int
    carry_over: tuple[CurvePoint, ...]
    allan: tuple[AllanPoint, ...]
    settle: int
    burst: int
    session_sd_percent: float
    round_sd_percent: float
    session_s: float
    round_s: float
    half_width_percent: float
    gain: float


class Plan(Model):
    """`plan.json`: enough to run, resume and analyse; `orders[session][round]` are places in `experiment.arms`.

    `overrides` are the --set of the command line, which are in `experiment` already.
    """

    format: Literal[1] = 1
    overrides: tuple[str, ...] = ()
    experiment: Experiment
    schedule: Schedule
    orders: tuple[tuple[tuple[int, ...], ...], ...]
    pilot: Pilot | None = None


@dataclass(frozen=True, slots=True)
class Transport:
    """How a hop is made. `home` says what the lab must provide for its address: a port or a directory.

    `bind` turns the address into gunicorn's --bind, `server` into the parameter of nginx's `server`,
    which is also what nginx reports as $upstream_addr.
    """

    home: Home
    bind: Callable[[str], str]
    server: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Target:
    """Where an arm is visited: nginx's side that faces the client."""

    host: str
    port: int
    path: str
    authority: Path | None = None  # the certificate to trust; None: no TLS
    keepalive: bool = False

    @property
    def url(self) -> str:
        scheme = "https" if self.authority else "http"
        return f"{scheme}://{self.host}:{self.port}{self.path}"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to one untimed question; the names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an outside tool's run gave, at the tool's own resolution. `percentiles_us` maps 50.0 to the median."""

    requests: int
    failures: Mapping[str, int]
    duration_s: float
    mean_us: float
    percentiles_us: Mapping[float, float]
    resolution_us: float


@dataclass(frozen=True, slots=True)
class LoadTool:
    """An outside load tool. `command(program, target, settings, directory)` is its command line, run with its
    standard output in `directory`/stdout.txt; `outcome(directory)` reads what it left there and raises ValueError
    with a sentence when it cannot.
    """

    program: str
    version: tuple[str, ...]
    install: str
    command: Callable[[str, Target, Settings, Path], list[str]]
    outcome: Callable[[Path], Outcome]


@dataclass(frozen=True, slots=True)
class Visit:
    """One burst of one arm. Times are in order of sending; failed requests have none.

    `latency_us` percentiles come from an outside tool only; our client leaves every time in `latency_ns`.
    `cpu_ns` is the CPU time per server role from the end of the visit before to the end of this one, over
    `cpu_requests` requests.
    """

    round: int
    order: int
    arm: str
    requests: int
    mean_us: float | None
    failures: Mapping[str, int] = field(default_factory=dict)
    positions: tuple[int, ...] = ()
    start_ns: tuple[int, ...] = ()
    latency_ns: tuple[int, ...] = ()
    percentiles_us: Mapping[float, float] = field(default_factory=dict)
    cpu_ns: Mapping[str, int] = field(default_factory=dict)
    cpu_requests: int = 0


class Doubt(Model):
    """A reason to distrust: what kind, where, what was seen, what to do about it."""

    kind: str
    session: int | None = None
    arm: str | None = None
    seen: str
    advice: str


class VisitRow(Model):
    """A visit as it stands in a session's record; `cpu_us` is per request and role."""

    round: int
    order: int
    arm: str
    requests: int
    mean_us: float | None
    percentiles_us: dict[float, float] = {}
    cpu_us: dict[str, float] = {}


class Record(Model):
    """`sessions/0001.json`: all that one session gave, but for the raw times beside it."""

    format: Literal[1] = 1
    session: int
    started_utc: str
    seconds: dict[str, float]  # arranging, visiting, total
    schedule: Schedule
    proofs: dict[str, dict[str, Any]]  # per arm: what was proved of it before it was measured
    failures: dict[str, dict[str, int]]
    visits: tuple[VisitRow, ...]
    counters: dict[str, Any] = {}
    doubts: tuple[Doubt, ...] = ()


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
    checks: dict[str, float] = {}  # other methods' answers: bootstrap_low, bootstrap_high (percent), sign_flip_p
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
    calibration: dict[str, Any] | None = None  # the last one of this host, as `calibrate --json` printed it
