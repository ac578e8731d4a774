"""The types of plug-ins (transports, load tools), and what they are called with."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.model.answers import AnswerShape, json_keys, media_type
from harness.model.experiment import Settings
from harness.model.outcome import Outcome
from harness.model.request import PLAIN, Request
from harness.model.words import Home

USUAL_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Transport:
    """A transport of the hop. `home` is the kind of its address: a port, or a socket in a kind of directory.

    `bind` converts the address to gunicorn's --bind, `server` to the parameter of nginx's `server`, which nginx also
    reports as $upstream_addr.
    """

    home: Home
    bind: Callable[[str], str]
    server: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Target:
    """The address that a client visits for an arm: nginx, the server behind it, or a service."""

    host: str
    port: int
    path: str
    authority: Path | None = None  # the certificate to trust, with TLS
    keepalive: bool = False
    socket: Path | None = None  # a Unix socket; then host and port do not matter
    timeout_s: float = 10.0
    tls: bool = False  # without an authority, the system's trust store is used
    address: str = ""  # of `host` after name resolution; "": `host` is an address
    proved: AnswerShape | None = None  # the required shape of answers; None: any 2xx answer is correct
    request: Request = PLAIN

    @property
    def encrypted(self) -> bool:
        """Whether the client uses TLS."""
        return self.tls or self.authority is not None

    @property
    def place(self) -> str:
        """Host and port as in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = USUAL_PORTS["https" if self.encrypted else "http"]
        return host if self.socket or self.port == usual else f"{host}:{self.port}"

    @property
    def host_field(self) -> str:
        """Host header of its requests."""
        return self.request.host or self.place

    @property
    def written_host(self) -> tuple[str, ...]:
        """`Host: NAME` for a tool to send instead of the host of the URL; empty if they are the same."""
        return (f"Host: {self.request.host}",) if self.request.host not in ("", self.place) else ()

    @property
    def url(self) -> str:
        """URL, or `unix:SOCKET:PATH`."""
        if self.socket:
            return f"unix:{self.socket}:{self.path}"
        return f"{'https' if self.encrypted else 'http'}://{self.place}{self.path}"


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


@dataclass(frozen=True, slots=True)
class LoadTool:
    """An outside load tool.

    `command(program, target, settings, directory)` is its command line, run in `directory` with standard output to
    stdout.txt there; `outcome(directory)` reads its output, or raises ValueError with a sentence. `version` are the
    arguments that print its version, if any. `files`, by name, are written to `directory` first. `refuses` yields a
    sentence for each setting that the tool does not support. `own_amount`: the tool chooses the number of requests
    itself. `start_s`: the approximate time of a run besides its requests.
    """

    program: str
    version: tuple[str, ...]
    install: str
    command: Callable[[str, Target, Settings, Path], list[str]]
    outcome: Callable[[Path], Outcome]
    own_amount: bool = False
    start_s: float = 0.3
    files: Callable[[Target, Settings], Mapping[str, str]] = _no_files
    refuses: Callable[[Settings], Iterable[str]] = _nothing
