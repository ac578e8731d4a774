"""What plug-ins describe, and whom they are given."""

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
    """How a hop is made. `home` says what the lab must provide for its address: a port or a directory.

    `bind` turns the address into gunicorn's --bind, `server` into the parameter of nginx's `server`,
    which is also what nginx reports as $upstream_addr.
    """

    home: Home
    bind: Callable[[str], str]
    server: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Target:
    """Where an arm is visited: nginx's side that faces the client, without nginx the server behind it, or a service."""

    host: str
    port: int
    path: str
    authority: Path | None = None  # the certificate to trust, with TLS
    keepalive: bool = False
    socket: Path | None = None  # a Unix socket, which host and port do not matter to
    timeout_s: float = 10.0
    tls: bool = False  # without an authority: as the system trusts
    address: str = ""  # what `host` was resolved to; "": it is an address
    proved: AnswerShape | None = None  # what its answers must be like; None: any answer of 2xx is right
    request: Request = PLAIN

    @property
    def encrypted(self) -> bool:
        return self.tls or self.authority is not None

    @property
    def place(self) -> str:
        """As it stands in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = USUAL_PORTS["https" if self.encrypted else "http"]
        return host if self.socket or self.port == usual else f"{host}:{self.port}"

    @property
    def host_field(self) -> str:
        """The Host of its requests."""
        return self.request.host or self.place

    @property
    def written_host(self) -> tuple[str, ...]:
        """`Host: NAME` as a line for a tool to send instead of the URL's; none where they are the same."""
        return (f"Host: {self.request.host}",) if self.request.host not in ("", self.place) else ()

    @property
    def url(self) -> str:
        if self.socket:
            return f"unix:{self.socket}:{self.path}"
        return f"{'https' if self.encrypted else 'http'}://{self.place}{self.path}"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to one untimed question; the names of its headers are in lower case.

    `body` is the beginning of a body that has `length_bytes`; None: it is all of it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    length_bytes: int | None = None

    @property
    def body_bytes(self) -> int:
        return len(self.body) if self.length_bytes is None else self.length_bytes

    @property
    def shape(self) -> AnswerShape:
        """What the later answers must be like."""
        kind = media_type(self.headers.get("content-type", ""))
        whole = self.body_bytes == len(self.body)
        coding = self.headers.get("content-encoding", "").lower()
        return AnswerShape(self.status, self.body_bytes, kind, json_keys(kind, coding, self.body) if whole else None)


def _no_files(_target: Target, _settings: Settings) -> Mapping[str, str]:
    return {}


def _nothing(_settings: Settings) -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True)
class LoadTool:
    """An outside load tool. `command(program, target, settings, directory)` is its command line, run in `directory`
    with its standard output in stdout.txt there; `outcome(directory)` reads what it left and raises ValueError with a
    sentence when it cannot. `version` are the words that ask for its version, none where it tells none. `files` are
    written into `directory` before, by name. `refuses` gives a sentence for each of the settings that the tool cannot
    honour. `own_amount`: how many requests a run has is the tool's to choose. `start_s`: what a run takes, about,
    beside its requests.
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
