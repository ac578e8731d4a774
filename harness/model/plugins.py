"""Plug-ins as values: transports, load tools, and the rungs of the ladder."""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from types import MappingProxyType
from typing import Literal, Self

from harness.model.base import AddressKind, TransportFamily
from harness.model.http import MAX_BODY_BYTES, PLAIN_REQUEST, AnswerShape, Request, json_keys, media_type
from harness.model.settings import Settings

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_TOOL_FILE_BYTES = 512 * 1024 * 1024  # of an output file of a tool
TOOL_PERCENTILES = (*map(float, range(100)), 99.9, 100.0)  # that are computed from single times
US_PER_UNIT = {"ns": 1e-3, "us": 1.0, "µs": 1.0, "ms": 1e3, "s": 1e6, "m": 60e6, "h": 3600e6}
TIME_PATTERN = r"-?[\d.]+(?:ns|us|µs|ms|s|m|h)"

# Network namespaces on the path of a connection: of the connecting side, of the machine between, of the listening side.
NamespacePlace = Literal["near", "middle", "far"]
NAMESPACE_PLACES: tuple[NamespacePlace, ...] = ("near", "middle", "far")

# These addresses are visible only inside these namespaces.
LOOPBACK = "127.0.0.1"
SUBNET, GATEWAY, NEAR_ADDRESS, FAR_ADDRESS = "10.213.0.0/24", "10.213.0.1", "10.213.0.2", "10.213.0.3"


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge between the links `ports` of its namespace."""

    place: NamespacePlace
    name: str
    ports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConntrackFilter:
    """A packet filter at `hooks` that matches connection states, so that the kernel tracks connections."""

    place: NamespacePlace
    hooks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LinkAddress:
    """An address of a link, in SUBNET."""

    place: NamespacePlace
    link: str
    address: str


@dataclass(frozen=True, slots=True)
class NatBypass:
    """Packets from `link` are not translated."""

    place: NamespacePlace
    link: str


@dataclass(frozen=True, slots=True)
class PortMapping:
    """NAT of connections to the ports of `address` to those of `to`, with masquerading."""

    place: NamespacePlace
    address: str
    to: str


@dataclass(frozen=True, slots=True)
class PortRelay:
    """A process that listens on the ports of `address`, and connects to those of `to`."""

    place: NamespacePlace
    address: str
    to: str


@dataclass(frozen=True, slots=True)
class SysctlValue:
    """A value of a file below /proc/sys. `optional`: skipped if the kernel has no such file."""

    place: NamespacePlace
    path: str
    text: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class VethPair:
    """A veth pair."""

    place: NamespacePlace
    name: str
    peer_place: NamespacePlace
    peer: str


NetworkStep = VethPair | Bridge | LinkAddress | SysctlValue | ConntrackFilter | PortMapping | NatBypass | PortRelay

Namespace = Literal["user", "mount", "pid", "uts", "ipc", "cgroup"]


@dataclass(frozen=True, slots=True)
class Transport:
    """A transport of the hop. `label` is its name in reports.

    `address_kind` is what it listens on: a port, or a socket in a private directory of that kind. `needs` and `advice`
    complete the message where a machine has no such directory.
    """

    family: TransportFamily
    label: str
    address_kind: AddressKind
    needs: str = ""
    advice: str = ""

    def uri(self, address: str) -> str:
        """Return `address` as gunicorn's --bind, nginx's `server` and $upstream_addr have it."""
        return address if self.family == "tcp" else f"unix:{address}"


@dataclass(frozen=True, slots=True)
class Target:
    """The address that a client visits for an arm: nginx, the server behind it, or a service."""

    host: str
    port: int
    path: str
    ca_file: Path | None = None  # the certificate to trust, with TLS
    keepalive: bool = False
    socket: Path | None = None  # a Unix socket; then host and port do not matter
    timeout_s: float = 10.0
    tls: bool = False  # without an authority, the system's trust store is used
    address: str = ""  # of `host` after name resolution; "": `host` is an address
    expected_answer: AnswerShape | None = None  # the required shape of answers; None: any 2xx answer is correct
    request: Request = PLAIN_REQUEST

    @property
    def is_encrypted(self) -> bool:
        """Whether the client uses TLS."""
        return self.tls or self.ca_file is not None

    @property
    def url_host(self) -> str:
        """Host and port as in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = DEFAULT_PORTS["https" if self.is_encrypted else "http"]
        return host if self.socket or self.port == usual else f"{host}:{self.port}"

    @property
    def host_header(self) -> str:
        """Host header of its requests."""
        return self.request.host or self.url_host

    @property
    def host_override(self) -> tuple[str, ...]:
        """`Host: NAME` for a tool to send instead of the host of the URL; empty if they are the same."""
        return (f"Host: {self.request.host}",) if self.request.host not in ("", self.url_host) else ()

    @property
    def url(self) -> str:
        """URL, or `unix:SOCKET:PATH`."""
        if self.socket:
            return f"unix:{self.socket}:{self.path}"
        return f"{'https' if self.is_encrypted else 'http'}://{self.url_host}{self.path}"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to an untimed request; header names are in lower case.

    `body` is the beginning of a body of `length_bytes`; None: it is the whole body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    length_bytes: int | None = None

    @property
    def body_bytes(self) -> int:
        """Size of the whole body."""
        return len(self.body) if self.length_bytes is None else self.length_bytes

    @property
    def shape(self) -> AnswerShape:
        """Shape that later answers must have."""
        kind = media_type(self.headers.get("content-type", ""))
        is_whole = self.body_bytes == len(self.body)
        coding = self.headers.get("content-encoding", "").lower()
        return AnswerShape(self.status, self.body_bytes, kind, json_keys(kind, coding, self.body) if is_whole else None)


def _no_files(_target: Target, _settings: Settings) -> Mapping[str, str]:
    return {}


def _nothing(_settings: Settings) -> Iterable[str]:
    return ()


def resolution_us(*texts: str) -> float:
    """Return the value of the last digit of the coarsest of `texts`. Raise ValueError."""
    return max(10.0 ** -len(number.partition(".")[2]) * US_PER_UNIT[unit] for number, unit in map(_parts, texts))


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of a run of an outside tool, at its own resolution. `percentiles_us` maps 50.0 to the median.

    `sent` is the number of all requests, if more were sent than are counted. `latency_us` are the times of correctly
    answered requests, in the tool's order, if it reports single times.
    """

    requests: int
    failures: Mapping[str, int]
    duration_s: float
    mean_us: float
    percentiles_us: Mapping[float, float]
    resolution_us: float
    sent: int = 0
    latency_us: tuple[float, ...] = ()

    @classmethod
    def from_times(
        cls, latency_us: Sequence[float], failures: Mapping[str, int], duration_s: float, resolution_us: float
    ) -> Self:
        """Return the result from single times; a percentile is the least time that so many requests do not exceed."""
        return cls(
            requests=len(latency_us),
            failures={kind: count for kind, count in failures.items() if count},
            duration_s=duration_s,
            mean_us=fmean(latency_us) if latency_us else 0.0,
            percentiles_us=_percentiles_us(sorted(latency_us)),
            resolution_us=resolution_us,
            latency_us=tuple(latency_us),
        )

    @classmethod
    def from_script_output(cls, tool: str, path: Path, resolution_us: float) -> Self:
        """Return the result that our script for `tool` wrote to `path` as JSON. Raise ValueError with a sentence."""
        text = read_tool_file(tool, path)
        try:
            content = json.loads(text)
            return cls.from_times(content["latency_us"], content["failures"], content["duration_s"], resolution_us)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path.name} is not what our script for {tool} writes: {error!r}.") from error


@dataclass(frozen=True, slots=True)
class LoadTool:
    """An outside load tool.

    `command(program, target, settings, directory)` is its command line, run in `directory` with standard output to
    stdout.txt there; `read_result(directory)` reads its output, or raises ValueError with a sentence. `version` are the
    arguments that print its version, if any. `files`, by name, are written to `directory` first. `setting_problems`
    yields a sentence for each setting that the tool does not support. `picks_request_count`: the tool chooses the
    number of requests itself. `start_s`: the approximate time of a run besides its requests.
    """

    program: str
    version: tuple[str, ...]
    install: str
    command: Callable[[str, Target, Settings, Path], list[str]]
    read_result: Callable[[Path], ToolResult]
    picks_request_count: bool = False
    start_s: float = 0.3
    files: Callable[[Target, Settings], Mapping[str, str]] = _no_files
    setting_problems: Callable[[Settings], Iterable[str]] = _nothing


def _percentiles_us(rising_us: Sequence[float]) -> dict[float, float]:
    if not rising_us:
        return {}
    return {percent: rising_us[max(math.ceil(percent / 100 * len(rising_us)), 1) - 1] for percent in TOOL_PERCENTILES}


def script_input(target: Target, amounts: Mapping[str, float] = MappingProxyType({})) -> Mapping[str, str]:
    """Return the file asked.json for a script that sends the requests: the target, and how many requests to send."""
    host = {"Host": target.host_header} if target.host_override else {}
    content = {
        "url": target.url,
        "timeout_s": target.timeout_s,
        "most_body_bytes": MAX_BODY_BYTES,
        "status": target.expected_answer.status if target.expected_answer else None,
        "keepalive": target.keepalive,
        "method": target.request.method,
        "headers": {**host, **dict(target.request.all_headers)},
        "body": target.request.body.decode() if target.request.has_length else None,
        "authority": str(target.ca_file.absolute()) if target.ca_file else None,
        **amounts,
    }
    return {"asked.json": json.dumps(content)}


def read_tool_file(tool: str, path: Path) -> str:
    """Return the text that `tool` wrote to `path`. Raise ValueError with a sentence if it cannot be read."""
    try:
        if path.stat().st_size > MAX_TOOL_FILE_BYTES:
            raise ValueError(
                f"{tool} left a {path.name} of more than {MAX_TOOL_FILE_BYTES // 1024**2} MiB. Ask for less."
            )
        return path.read_text(errors="replace")
    except OSError as error:
        raise ValueError(f"{tool} left no {path.name} that can be read ({error.strerror}).") from error


def parse_us(text: str) -> float:
    """Return the microseconds of a text like "1.23ms". Raise ValueError."""
    number, unit = _parts(text)
    return float(number) * US_PER_UNIT[unit]


def _parts(text: str) -> tuple[str, str]:
    match = re.fullmatch(r"(-?\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)", text)
    if match is None:
        raise ValueError(f"{text!r} is not a time with a unit, like 1.23ms.")
    return match[1], match[2]


@dataclass(frozen=True, slots=True)
class NetworkRung:
    """The network path of a connection. `below` is the rung that it extends and is compared with; "" for none.

    It has everything of the rungs below it, and adds namespaces (`places`) and steps (`adds`). `links`, if given,
    replace the links below; so do `listen_address` and `connect_address`. `stands_for` is its counterpart in
    containers.
    """

    below: str
    stands_for: str
    places: tuple[NamespacePlace, ...] = ()
    links: tuple[NetworkStep, ...] = ()
    adds: tuple[NetworkStep, ...] = ()
    listen_address: str = ""
    connect_address: str = ""


@dataclass(frozen=True, slots=True)
class SandboxRung:
    """A part of the sandbox of servers, independent of their network; several rungs add up.

    `stands_for` is its counterpart in container tools. A seccomp filter comes with no_new_privs, a pid namespace with
    its own /proc.
    """

    stands_for: str
    cgroup: bool = False
    namespaces: tuple[Namespace, ...] = ()
    overlay: bool = False
    has_seccomp_filter: bool = False
    disables_store_bypass: bool = False
