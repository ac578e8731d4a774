"""The server's end: accepts one client at a time, refuses others, and yields the client's requests."""

import select
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

from pydantic import ValidationError

from harness.errors import MachineError
from harness.remote.channel import (
    BUSY,
    GREETING_S,
    WRONG_TOKEN,
    Channel,
    LinkError,
    WrongTokenError,
    greet_client,
)
from harness.remote.messages import RemoteRequest

CHECK_EVERY_S = 1.0  # while no client is there
MAX_SILENCE_S = 3600.0  # of a client, longer than any visit
BACKLOG = 4


@contextmanager
def open_listener(host: str, port: int) -> Iterator[socket.socket]:
    """Listen on an address of this machine; port 0: a free one. Raises MachineError."""
    try:
        listener = socket.create_server((host, port), backlog=BACKLOG)
    except OSError as error:
        raise MachineError(
            f"barehop serve cannot listen on {host}:{port}: {(error.strerror or str(error)).lower()}. Give an address "
            "of this machine with --address, and a free --port."
        ) from None
    with closing(listener):
        listener.settimeout(CHECK_EVERY_S)  # a client may be gone again before accept()
        yield listener


def accept_client(
    listener: socket.socket, token: str, say: Callable[[str], object], check: Callable[[], object]
) -> tuple[Channel, RemoteRequest]:
    """Wait for a client that knows the token; return the channel and its first request.

    `check` is called at least every second; what it raises ends the waiting.
    """
    while True:
        check()
        if not select.select([listener], [], [], CHECK_EVERY_S)[0]:
            continue
        try:
            sock, address = listener.accept()
        except OSError:
            continue
        peer = f"client {address[0]}"
        try:
            channel = greet_client(sock, peer, token)
            return channel, _receive_request(channel, GREETING_S)
        except WrongTokenError:
            with suppress(LinkError):
                channel.write_line(WRONG_TOKEN.encode())
            say(f"Refused {peer}: its token is wrong.")
        except LinkError as problem:
            say(f"Refused {peer}: {problem}")
        sock.close()


def requests_of(channel: Channel, listener: socket.socket) -> Iterator[RemoteRequest]:
    """Yield the requests of a client, and refuse others meanwhile. Raises LinkError when it is gone or silent."""
    while True:
        while not channel.buffer:
            ready = select.select([channel.sock, listener], [], [], MAX_SILENCE_S)[0]
            if not ready:
                raise LinkError(f"Nothing came from {channel.peer} for {MAX_SILENCE_S:g} s.")
            if listener in ready:
                _refuse_client(listener)
            if channel.sock in ready:
                break
        yield _receive_request(channel, GREETING_S)


def _refuse_client(listener: socket.socket) -> None:
    with suppress(OSError), closing(listener.accept()[0]) as sock:
        sock.settimeout(GREETING_S)
        sock.sendall(f"{BUSY}\n".encode())


def _receive_request(channel: Channel, limit_s: float) -> RemoteRequest:
    try:
        return RemoteRequest.model_validate_json(channel.receive(limit_s))
    except ValidationError:
        raise LinkError(f"A request of {channel.peer} is not one that this version knows.") from None
