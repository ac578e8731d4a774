"""An experiment, its arms and settings; and the plan made of it."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from harness.model.base import JsonModel

Chain = Literal["full", "proxy-only", "app-direct", "floor"]
ScreenKind = Literal["", "one-at-a-time", "factorial", "plackett-burman", "resolution-iv"]
CpuNumbers = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1, strict=False)]

PATH_PATTERN = r"^/[A-Za-z0-9._~!*+,=:@%&/?-]*$"  # no character that a URL must escape
MAX_SECONDS = 7 * 24 * 3600
MAX_SESSIONS = 10_000
MAX_PER_SESSION = 1_000_000


class RoleCpuNumbers(JsonModel):
    """A manual placement: the CPUs of each role."""

    model_config = ConfigDict(strict=True)

    client: CpuNumbers
    nginx: CpuNumbers
    app: CpuNumbers


class Settings(JsonModel):
    """The settings of an arm: the keys of `[arm]`. `list` shows the descriptions."""

    model_config = ConfigDict(strict=True)

    transport: str = Field("tcp", description="how nginx reaches the application")
    chain: Chain = Field(
        "full",
        description="which part of the chain is measured: full; proxy-only (nginx answers); app-direct (no nginx); "
        "floor (a bare server, no nginx)",
    )
    upstream_keepalive: int = Field(
        0, ge=0, description="idle connections nginx keeps to the app; 0: a connection per request"
    )
    app: str = Field("app.main:app", min_length=1, description="the ASGI or WSGI application, module:name")
    app_dir: str = Field("", description='where the application is imported from; "": where barehop is')
    worker_class: Literal["uvicorn", "asgi", "sync", "gthread"] = Field(
        "uvicorn", description="gunicorn's worker: uvicorn and asgi serve ASGI, sync and gthread serve WSGI"
    )
    workers: int = Field(1, ge=1, le=256, description="gunicorn's worker processes")
    threads: int = Field(1, ge=1, le=256, description="threads of each worker process, with gthread")
    start_timeout_s: float = Field(
        30.0, gt=0, le=3600, strict=False, description="time limit for the servers to answer after their start"
    )
    nginx: str = Field("nginx", min_length=1, description="nginx binary: a name or a path")
    python: str = Field("", description='Python that runs gunicorn; "": the Python of barehop')
    tls: bool = Field(False, description="nginx terminates TLS")
    proxy_buffer_kb: int = Field(
        4, ge=4, le=1024, description="nginx's proxy buffer; it must hold all headers of an answer"
    )
    path: str = Field("/", pattern=PATH_PATTERN, description="path of the requests")
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = Field(
        "GET", description="method of the requests"
    )
    host: str = Field("", description='the Host of requests; "": localhost, or the host of the url')
    headers: dict[str, str] = Field(default_factory=dict, description="additional headers of requests, by name")
    body: str = Field("", description="body of requests; its Content-Type is JSON or text unless headers name it")
    connections: int = Field(1, ge=1, description="concurrent connections of the client")
    rate: Annotated[float, Field(ge=0, strict=False)] | Annotated[str, Field(pattern=r"^\d{1,3}(\.\d+)?%$")] = Field(
        0.0,
        description='requests per second, independent of answers (open loop); "70%": of the slowest arm\'s capacity; '
        "0: each request after the previous answer",
    )
    p99_limit_ms: float = Field(
        0.0, ge=0, strict=False, description="find the highest rate at which p99 stays below this; 0: do not"
    )
    timeout_s: float = Field(10.0, gt=0, le=3600, strict=False, description="time limit of a request")
    client_keepalive: bool = Field(False, description="the client keeps its connection to nginx")
    placement: Literal["auto", "split", "shared", "same-cpu", "none"] | RoleCpuNumbers = Field(
        "auto", description="CPUs of each role: auto, split, shared, same-cpu, none, or a CPU list per role"
    )
    network: str = Field("host", description="rung of the ladder: the network path of the hop")
    network_leg: Literal["hop", "front"] = Field(
        "hop", description="connection with the rung: nginx to the app (hop), or client to nginx (front)"
    )
    sandbox: tuple[str, ...] = Field((), strict=False, description="rungs of the ladder: the sandbox of both servers")
    cpu_quota: float = Field(0.0, ge=0, strict=False, description="CFS quota per role, in CPUs; 0: none")
    knobs: dict[str, int | str] = Field(default_factory=dict, description="kernel settings of the arm")
    processes: Literal["shared", "swapped", "separate"] = Field(
        "shared",
        description="nginx and gunicorn of the arm: shared with other arms; swapped, shared by arms with the opposite "
        "order in every list; or separate",
    )
    url: str = Field(
        "",
        description="an already running service instead of a stack of ours: http://HOST:PORT/PATH, https://, or "
        "http+unix://%2Frun%2Fapp.sock/PATH",
    )
    authority: str = Field("", description='CA bundle (PEM) for https URLs; "": the system trust store')
    pids: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (), strict=False, description="processes behind url whose CPU time is read, including their children"
    )
    cgroup: str = Field("", description="or the directory of the cgroup whose CPU time is read")
    start: str = Field(
        "", description="command that starts the service behind url: shown if it does not answer, never run"
    )
    tool: str = Field("client", description="load generator")
    tool_requests: int = Field(
        1000, ge=1, description="requests of a run of an outside tool; pyperf chooses them itself"
    )
    tool_seconds: float = Field(0, ge=0, strict=False, description="run length in seconds, instead of tool_requests")

    @property
    def is_sequential(self) -> bool:
        """Whether our client sends each request after the answer to the one before."""
        return self.tool == "client" and self.connections == 1 and not self.rate and not self.p99_limit_ms


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
    precision_percent: float = Field(0.5, gt=0, strict=False)
    budget_s: float = Field(60, gt=0, le=MAX_SECONDS, strict=False)
    equivalence_percent: float = Field(1.0, gt=0, lt=100, strict=False)
    screen: ScreenKind = ""
    expect_null: tuple[str, ...] = Field((), strict=False)
    seed: int = 1
    processes: Literal["shared", "separate"] = "shared"
    sessions: int | None = Field(None, ge=2, le=MAX_SESSIONS)
    rounds: int | None = Field(None, ge=1, le=MAX_PER_SESSION)
    burst: int | None = Field(None, ge=1, le=MAX_PER_SESSION)
    settle: int | None = Field(None, ge=0, le=MAX_PER_SESSION)


class Experiment(JsonModel):
    """An experiment. `arms` includes the control; `pairs` are (arm, against), the control's pair first.

    `levels`, of a screen, has the level of each factor in each arm, as in the names; in the first arm all are at their
    first level. `tcp_only`: settings of the arms that can affect only TCP. `design.expect_null` has full names.
    `left_out` has the reasons why arms of the file are not available on this machine.
    """

    name: str
    question: str
    arms: tuple[Arm, ...]
    pairs: tuple[tuple[str, str], ...]
    design: Design
    levels: dict[str, dict[str, str]] = Field(default_factory=dict)
    tcp_only: tuple[str, ...] = ()
    left_out: dict[str, str] = Field(default_factory=dict)

    def arm(self, name: str) -> Arm:
        """Return the arm of that name."""
        return next(arm for arm in self.arms if arm.name == name)


class Schedule(JsonModel):
    """The lengths of a run, from the file or from the pilot.

    `looks` are the numbers of sessions after which the run may stop, the last of them `sessions`. With `visiting_s`, a
    session makes as many rounds as fit into that time, and `rounds` is the expected number. It makes at least
    `fewest_rounds`. The first `counted_sessions` sessions have a pass under perf. `limit_s` is the time after its start
    at which the command ends at the latest; None: no limit.
    """

    sessions: int
    rounds: int
    burst: int
    settle: int
    reason: str
    looks: tuple[int, ...] = ()
    visiting_s: float | None = None
    fewest_rounds: int = 2
    counted_sessions: int = 4
    limit_s: float | None = None


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
    """The result of the pilot sessions, and the lengths that follow from it.

    `gain` is how many times wider the interval would be, in the same time, with one arm after the other. `answers`, by
    arm, are the first answers of the run, like the proofs of a record.
    """

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
    gain: float
    counting_s: float = 0.0  # of the perf pass of a session
    slowness: float = 1.0  # factor by which other users of the CPUs slow everything down
    answers: dict[str, dict[str, Any]] = Field(default_factory=dict)


class Plan(JsonModel):
    """`plan.json`: all that is needed to run, resume and analyse.

    `orders[session][round]` are indices into `experiment.arms`; a long plan has none, they follow from the seed.
    `out_of_time_after`: the number of sessions of a run that its time limit ended. `overrides` are the --set options,
    already applied to `experiment`. `capacities_per_s`, by arm, are the capacities that rates in percent refer to;
    `experiment` has these rates in requests per second. `allow_global`: whether knobs may change values of the whole
    machine. `run_id` is in every record of the run; runs of earlier versions have none.
    """

    format: Literal[1] = 1
    run_id: str = ""
    overrides: tuple[str, ...] = ()
    experiment: Experiment
    schedule: Schedule
    orders: tuple[tuple[tuple[int, ...], ...], ...]
    pilot: Pilot | None = None
    capacities_per_s: dict[str, float] = Field(default_factory=dict)
    allow_global: bool = False
    out_of_time_after: int | None = None

    @property
    def actual_schedule(self) -> Schedule:
        """Schedule with the sessions that the time limit allowed; the limit is no look at the data."""
        last = self.out_of_time_after
        if last is None:
            return self.schedule
        looks = tuple(look for look in self.schedule.looks if look < last)
        return self.schedule.model_copy(update={"sessions": last, "looks": (*looks, last)})
