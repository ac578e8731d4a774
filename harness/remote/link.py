"""The client's end: connects to a serving machine and asks it for sessions and readings."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TypeVar

import harness
from harness.errors import ConfigError, HarnessError, LoadError, MachineError, StackError
from harness.model import Design, Experiment, JsonModel
from harness.remote.channel import Channel, LinkError, WrongTokenError, greet_server
from harness.remote.messages import (
    Counts,
    Description,
    Done,
    Failure,
    Gaps,
    Moment,
    RemoteRequest,
    ServedSession,
    ServerDoubts,
)

CONNECT_S = 10.0
READING_S, LOOK_S = 10.0, 60.0  # the longest time of an answer that needs microseconds, and about a second
TOKEN_VARIABLE = "BAREHOP_TOKEN"  # noqa: S105 - the name of a variable

Result = TypeVar("Result", bound=JsonModel)


@dataclass(frozen=True, slots=True)
class Link:
    """An open connection to the serving machine at `address`, and what that serves."""

    address: str
    channel: Channel
    description: Description

    def experiment(self, budget_s: float | None) -> tuple[Experiment, tuple[str, ...]]:
        """Return what is served, with another budget if one is given, and the options that were applied to it."""
        experiment, overrides = self.description.experiment, self.description.overrides
        if budget_s is None:
            return experiment, overrides
        design = Design.model_validate(experiment.design.model_dump() | {"budget_s": budget_s})
        return experiment.model_copy(update={"design": design}), (*overrides, f"design.budget_s={budget_s}")

    def start(self, session: int) -> ServedSession:
        """Start new servers for a session. Raises the HarnessError of the serving machine."""
        limit_s = self.description.start_limit_s
        return _ask(self.channel, RemoteRequest(do="start", session=session), ServedSession, limit_s)

    def ready(self) -> tuple[str, ...]:
        """Open the counters, after the warm-up; return a sentence for each that is missing."""
        return _ask(self.channel, RemoteRequest(do="ready"), Gaps).unseen

    def watch(self) -> None:
        """Start to watch the serving machine."""
        _ask(self.channel, RemoteRequest(do="watch"), Done)

    def unwatch(self, requests: int) -> ServerDoubts:
        """Return what was observed since `watch`, in which so many requests were sent."""
        return _ask(self.channel, RemoteRequest(do="unwatch", requests=requests), ServerDoubts)

    def read(self, arm: str, moment: Moment) -> dict[str, int]:
        """Return the CPU time of the servers of `arm`, or after a visit the growth of their counters."""
        return _ask(self.channel, RemoteRequest(do="read", arm=arm, moment=moment), Counts, READING_S).counts

    def end(self) -> None:
        """End the session. Raises StackError if a server ended or was replaced in it."""
        _ask(self.channel, RemoteRequest(do="end"), Done, self.description.start_limit_s)


@contextmanager
def open_link(address: str, token: str) -> Iterator[Link]:
    """Connect to HOST:PORT. Raises ConfigError for a wrong address, token or version, LinkError without an answer."""
    host, port = parse_address(address)
    peer = f"barehop serve at {address}"
    try:
        sock = socket.create_connection((host, port), timeout=CONNECT_S)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise LinkError(
            f"There is no connection to {peer}: {reason}. Start barehop serve there, or correct the address."
        ) from None
    with closing(sock):
        channel = greet_server(sock, peer, token)
        description = _ask(channel, RemoteRequest(do="hello"), Description)
        if description.version != harness.__version__:
            raise ConfigError(
                f"{description.version} is the version of {peer}, and {harness.__version__} is that of this machine. "
                "Use one version on both."
            )
        yield Link(address, channel, description)


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port of HOST:PORT. Raises ConfigError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise ConfigError(f"--from {text}: give HOST:PORT, as barehop serve prints it.")
    return host.strip("[]"), int(port)


def _ask(channel: Channel, request: RemoteRequest, kind: type[Result], limit_s: float = LOOK_S) -> Result:
    """Send a request and return its answer. Raises HarnessError."""
    channel.send(request)
    try:
        line = channel.receive(limit_s)
    except WrongTokenError:
        raise ConfigError(
            f"The token is not that of {channel.peer}. Set {TOKEN_VARIABLE} to the token that it printed at its start."
        ) from None
    except LinkError as lost:
        raise LinkError(
            f"{lost} See what barehop serve says there. When it is up again, continue with --resume and --from."
        ) from None
    if line.startswith(b'{"error":'):
        raise _remote_error(channel.peer, Failure.model_validate_json(line))
    return kind.model_validate_json(line)


def _remote_error(peer: str, failure: Failure) -> HarnessError:
    kinds = {kind.exit_code: kind for kind in (ConfigError, MachineError, StackError, LoadError)}
    return kinds.get(failure.exit_code, HarnessError)(f"On {peer}: {failure.error}")
