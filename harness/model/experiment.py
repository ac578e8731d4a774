"""What is asked: settings, arms, the design."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from harness.model.words import Model

Chain = Literal["full", "proxy-only", "app-direct", "floor"]
Screen = Literal["", "one-at-a-time", "factorial", "plackett-burman", "resolution-iv"]
Cpus = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1, strict=False)]

PATH = r"^/[A-Za-z0-9._~!*+,=:@%&/?-]*$"  # nothing that a URL must escape
MOST_SECONDS = 7 * 24 * 3600
MOST_SESSIONS = 10_000
MOST_IN_A_SESSION = 1_000_000


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
    chain: Chain = Field(
        "full",
        description="how much of the chain is asked: full; proxy-only, nginx answers itself; app-direct, the app "
        "without nginx; floor, a bare server in the app's place, without nginx",
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
        30.0, gt=0, le=3600, strict=False, description="how long the servers may take until they answer"
    )
    nginx: str = Field("nginx", min_length=1, description="which nginx: a name or a path")
    python: str = Field("", description='which Python runs gunicorn; "": the one barehop runs in')
    tls: bool = Field(False, description="nginx terminates TLS")
    proxy_buffer_kb: int = Field(
        4, ge=4, le=1024, description="nginx's buffer for an answer, whose first piece must hold all of its headers"
    )
    path: str = Field("/", pattern=PATH, description="what is requested")
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = Field(
        "GET", description="how it is requested"
    )
    host: str = Field("", description='the Host of requests; "": localhost, or the host of the url')
    headers: dict[str, str] = Field(default_factory=dict, description="further headers of requests, by name")
    body: str = Field(
        "", description="the body of requests; its Content-Type is that of JSON or of text unless headers name it"
    )
    connections: int = Field(1, ge=1, description="concurrent connections of the client")
    rate: Annotated[float, Field(ge=0, strict=False)] | Annotated[str, Field(pattern=r"^\d{1,3}(\.\d+)?%$")] = Field(
        0.0,
        description='requests per second, sent whether or not answers come; "70%": of what the slowest arm can do; '
        "0: each after the answer to the one before",
    )
    p99_limit_ms: float = Field(
        0.0, ge=0, strict=False, description="find the highest rate at which p99 stays below this; 0: do not"
    )
    timeout_s: float = Field(10.0, gt=0, le=3600, strict=False, description="after which a request has failed")
    client_keepalive: bool = Field(False, description="whether the client keeps its connection to nginx")
    placement: Literal["auto", "split", "shared", "same-cpu", "none"] | CpuLists = Field(
        "auto", description="who runs on which CPUs: auto, split, shared, same-cpu, none, or CPU lists per role"
    )
    network: str = Field("host", description="a rung of the ladder: what lies on the way of the hop")
    network_leg: Literal["hop", "front"] = Field(
        "hop", description="which connection the rung lies on: nginx's to the app, or the client's to nginx"
    )
    sandbox: tuple[str, ...] = Field((), strict=False, description="rungs of the ladder that both servers run under")
    cpu_quota: float = Field(0.0, ge=0, strict=False, description="CPUs' worth of CFS quota per role; 0: none")
    knobs: dict[str, int | str] = Field(default_factory=dict, description="kernel settings of the arm")
    processes: Literal["shared", "swapped", "separate"] = Field(
        "shared",
        description="whether the arm's nginx and gunicorn serve other arms too: shared; swapped, shared by arms that "
        "stand in the opposite order everywhere; separate",
    )
    url: str = Field(
        "",
        description="an already running service instead of a stack of ours: http://HOST:PORT/PATH, https://, or "
        "http+unix://%2Frun%2Fapp.sock/PATH",
    )
    authority: str = Field(
        "", description='whose certificate an https url is checked against, in PEM; "": whom the system trusts'
    )
    pids: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (), strict=False, description="processes behind url whose CPU time is read, with their children"
    )
    cgroup: str = Field("", description="... or the cgroup whose CPU time is read: its directory")
    start: str = Field("", description="how to start what is behind url: told where it does not answer, never run")
    tool: str = Field("client", description="who sends the requests")
    tool_requests: int = Field(
        1000, ge=1, description="requests of one run of an outside tool; pyperf chooses by itself"
    )
    tool_seconds: float = Field(0, ge=0, strict=False, description="... or how long it runs")

    @property
    def one_by_one(self) -> bool:
        """Whether our client sends each request after the answer to the one before."""
        return self.tool == "client" and self.connections == 1 and not self.rate and not self.p99_limit_ms


class Arm(Model):
    name: str
    settings: Settings
    control_of: str | None = None


class Design(Model):
    """How the question is put: the keys of `[design]`."""

    model_config = ConfigDict(strict=True)

    against: str | dict[str, Any] = ""
    pairs: tuple[Annotated[tuple[str, ...], Field(strict=False)], ...] = Field((), strict=False)
    control: bool = True
    precision_percent: float = Field(0.5, gt=0, strict=False)
    budget_s: float = Field(60, gt=0, le=MOST_SECONDS, strict=False)
    equivalence_percent: float = Field(1.0, gt=0, lt=100, strict=False)
    screen: Screen = ""
    expect_null: tuple[str, ...] = Field((), strict=False)
    seed: int = 1
    processes: Literal["shared", "separate"] = "shared"
    sessions: int | None = Field(None, ge=2, le=MOST_SESSIONS)
    rounds: int | None = Field(None, ge=1, le=MOST_IN_A_SESSION)
    burst: int | None = Field(None, ge=1, le=MOST_IN_A_SESSION)
    settle: int | None = Field(None, ge=0, le=MOST_IN_A_SESSION)


class Experiment(Model):
    """One question. `arms` includes the control; `pairs` are (arm, against), the control's pair first.

    `levels`, of a screen: the level of each factor in each arm, as names have it; in the first arm all are at their
    first level. `tcp_only`: settings of its arms that can touch nothing but TCP. `design.expect_null` is in full.
    `left_out` says why arms of the file could not be had on the machine that measured.
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
        return next(arm for arm in self.arms if arm.name == name)
