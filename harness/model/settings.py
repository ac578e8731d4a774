"""The settings of an arm, in groups: other rooms ask a group, never a list of names."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from harness.model.base import JsonModel

Chain = Literal["full", "proxy-only", "app-direct", "floor"]
HopProtocol = Literal["http/1.0", "http/1.1", "uwsgi", "h2c"]
HTTP1: tuple[HopProtocol, ...] = ("http/1.0", "http/1.1")
CpuNumbers = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1, strict=False)]
KNOB_PREFIX = "knobs."
IS_PATH = "path"  # marks a setting that names a file or directory
LocalPath = Annotated[str, IS_PATH]
PATH_PATTERN = r"^/[A-Za-z0-9._~!*+,=:@%&/?-]*$"  # no character that a URL must escape


class RoleCpuNumbers(JsonModel):
    """A manual placement: the CPUs of each role."""

    model_config = ConfigDict(strict=True)

    client: CpuNumbers
    nginx: CpuNumbers
    app: CpuNumbers


class SettingGroup(JsonModel):
    """Settings of one subject."""

    model_config = ConfigDict(strict=True)


class HopSettings(SettingGroup):
    """The hop between the servers of a stack; its arms may differ in these settings."""

    transport: str = Field("tcp", description="how nginx reaches the application")
    chain: Chain = Field(
        "full",
        description="which part of the chain is measured: full; proxy-only (nginx answers); app-direct (no nginx); "
        "floor (a null server, no nginx)",
    )
    upstream_keepalive: int = Field(
        0, ge=0, description="idle connections nginx keeps to the app; 0: a connection per request"
    )
    protocol: HopProtocol | Literal["auto"] = Field(
        "auto",
        description="what nginx speaks to the application: http/1.0, http/1.1, uwsgi, h2c (HTTP/2 without TLS); auto: "
        "http/1.1 if it keeps connections, else http/1.0",
    )
    hop_tls: Literal["off", "full", "resumed"] = Field(
        "off",
        description="TLS between nginx and the application: off; full (a full handshake for each connection); resumed "
        "(a connection resumes the session of an earlier one)",
    )
    tls: bool = Field(False, description="nginx terminates TLS")
    proxy_buffer_kb: int = Field(
        4, ge=4, le=1024, description="nginx's proxy buffer; it must hold all headers of an answer"
    )
    start_timeout_s: float = Field(
        30.0, gt=0, le=3600, description="time limit for the servers to answer after their start"
    )


class AppSettings(SettingGroup):
    """The application and the server that runs it."""

    app: str = Field("app.main:app", min_length=1, description="the ASGI or WSGI application, module:name")
    app_dir: LocalPath = Field(
        "", description='where the application is imported from and a command runs; "": where barehop is'
    )
    server: Literal["gunicorn", "uvicorn"] = Field("gunicorn", description="application server; uvicorn serves ASGI")
    command: str = Field(
        "",
        description="your own server instead: its command line with {socket}, {host} and {port}, or {bind}; no shell",
    )
    worker_class: Literal["uvicorn", "asgi", "sync", "gthread"] = Field(
        "uvicorn", description="gunicorn's worker: uvicorn and asgi serve ASGI, sync and gthread serve WSGI"
    )
    workers: int = Field(1, ge=1, le=256, description="worker processes of the application server")
    threads: int = Field(1, ge=1, le=256, description="threads of each worker process, with gthread")
    python: str = Field("", description='Python that runs the server; "": the Python of barehop')


class ProgramSettings(AppSettings):
    """The programs of a stack."""

    nginx: str = Field("nginx", min_length=1, description="nginx binary: a name or a path")


class AddressSettings(SettingGroup):
    """Where requests go in a stack; a url has an address of its own."""

    path: str = Field("/", pattern=PATH_PATTERN, description="path of the requests")
    host: str = Field("", description='the Host of requests; "": localhost, or the host of the url')


class RequestSettings(SettingGroup):
    """What requests contain."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = Field(
        "GET", description="method of the requests"
    )
    headers: dict[str, str] = Field(default_factory=dict, description="additional headers of requests, by name")
    body: str = Field("", description="body of requests; its Content-Type is JSON or text unless headers name it")


class ClientSettings(SettingGroup):
    """When the client sends requests."""

    connections: int = Field(1, ge=1, description="concurrent connections of the client")
    rate: Annotated[float, Field(ge=0)] | Annotated[str, Field(pattern=r"^\d{1,3}(\.\d+)?%$")] = Field(
        0.0,
        description='requests per second, independent of answers (open loop); "70%": of the slowest arm\'s capacity; '
        "0: each request after the previous answer",
    )
    p99_limit_ms: float = Field(0.0, ge=0, description="find the highest rate at which p99 stays below this; 0: do not")
    timeout_s: float = Field(10.0, gt=0, le=3600, description="time limit of a request")
    client_keepalive: bool = Field(False, description="the client keeps its connection to nginx")


class PlacementSettings(SettingGroup):
    """The CPUs of the client, and of the servers of a stack."""

    placement: Literal["auto", "split", "shared", "same-cpu", "none"] | RoleCpuNumbers = Field(
        "auto", description="CPUs of each role: auto, split, shared, same-cpu, none, or a CPU list per role"
    )


class NetworkSettings(SettingGroup):
    """The network rung of the ladder that an arm has."""

    network: str = Field("host", description="rung of the ladder: the network path of the hop")
    network_leg: Literal["hop", "front"] = Field(
        "hop", description="connection with the rung: nginx to the app (hop), or client to nginx (front)"
    )


class SandboxSettings(SettingGroup):
    """The sandbox rungs of the ladder that an arm has."""

    sandbox: tuple[str, ...] = Field((), strict=False, description="rungs of the ladder: the sandbox of both servers")


class RungSettings(SandboxSettings, NetworkSettings):
    """The rungs of the ladder that an arm has."""


class LimitSettings(SettingGroup):
    """Limits of the servers of a stack, and whether arms share them."""

    cpu_quota: float = Field(0.0, ge=0, description="CFS quota per role, in CPUs; 0: none")
    processes: Literal["shared", "swapped", "separate"] = Field(
        "shared",
        description="nginx and gunicorn of the arm: shared with other arms; swapped, shared by arms with the opposite "
        "order in every list; or separate",
    )


class SystemSettings(LimitSettings):
    """Limits and kernel settings of the servers of a stack."""

    knobs: dict[str, int | str] = Field(default_factory=dict, description="kernel settings of the arm")


class ServiceSettings(SettingGroup):
    """An already running service instead of a stack."""

    url: str = Field(
        "",
        description="an already running service instead of a stack of ours: http://HOST:PORT/PATH, https://, or "
        "http+unix://%2Frun%2Fapp.sock/PATH",
    )
    authority: LocalPath = Field("", description='CA bundle (PEM) for https URLs; "": the system trust store')
    pids: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (), strict=False, description="processes behind url whose CPU time is read, including their children"
    )
    cgroup: str = Field("", description="or the directory of the cgroup whose CPU time is read")
    start: str = Field(
        "", description="command that starts the service behind url: shown if it does not answer, never run"
    )


class ToolSettings(SettingGroup):
    """The load generator, and the length of its runs."""

    tool: str = Field("client", description="load generator")
    tool_requests: int = Field(
        1000, ge=1, description="requests of a run of an outside tool; pyperf chooses them itself"
    )
    tool_seconds: float = Field(0, ge=0, description="run length in seconds, instead of tool_requests")


class ProcessSettings(SystemSettings, RungSettings, PlacementSettings, ProgramSettings):
    """The settings of processes. Arms share a stack if these are equal; other settings can differ within it."""


class AppProcessSettings(LimitSettings, SandboxSettings, PlacementSettings, AppSettings):
    """The settings of gunicorn's processes: stacks share a gunicorn if these and the knobs of processes are equal."""


class StackSettings(SystemSettings, RungSettings, ProgramSettings, HopSettings):
    """The settings of a stack that barehop starts: an arm with a url has none of them."""


class LoadSettings(ToolSettings, ClientSettings, RequestSettings):
    """The settings of the load on an arm, whatever serves it."""


class Settings(
    ToolSettings,
    ServiceSettings,
    SystemSettings,
    RungSettings,
    PlacementSettings,
    ClientSettings,
    RequestSettings,
    AddressSettings,
    ProgramSettings,
    HopSettings,
):
    """The settings of an arm: the keys of `[arm]`. `list` shows the descriptions."""

    @property
    def is_sequential(self) -> bool:
        """Whether our client sends each request after the answer to the one before."""
        return self.tool == "client" and self.connections == 1 and not self.rate and not self.p99_limit_ms

    @property
    def has_gunicorn(self) -> bool:
        """Whether gunicorn serves the application. It alone listens on several addresses, so that arms share it."""
        return self.server == "gunicorn" and not self.command

    @property
    def hop_protocol(self) -> HopProtocol:
        """What nginx speaks to the application."""
        if self.protocol == "auto":
            return "http/1.1" if self.upstream_keepalive else "http/1.0"
        return self.protocol

    @property
    def app_speaks(self) -> str:
        """What the application's server speaks on its hop; servers that speak something else have other processes."""
        protocol = "http/1" if self.hop_protocol in HTTP1 else self.hop_protocol
        return protocol if self.hop_tls == "off" else f"{protocol} over TLS"

    def flatten(self) -> dict[str, object]:
        """Return the settings by name, each knob under its dotted name."""
        return flatten_tables(self.model_dump(mode="json"), ("knobs",))


def flatten_tables(values: Mapping[str, object], tables: Sequence[str]) -> dict[str, object]:
    """Return `values` with the entries of `tables` under their dotted names, at the end."""
    flat = {key: value for key, value in values.items() if key not in tables}
    for key in tables:
        table = values.get(key)
        flat |= (
            {f"{key}.{name}": value for name, value in table.items()} if isinstance(table, Mapping) else {key: table}
        )
    return flat


def varying_keys(tables: Sequence[Mapping[str, object]]) -> list[str]:
    """Return the keys in whose values flat settings differ, in their order."""
    keys = dict.fromkeys(key for table in tables for key in table)
    return [key for key in keys if any(table.get(key) != tables[0].get(key) for table in tables)]
