"""An authenticated conversation between two machines: lines of JSON, each with a code that needs the token.

The token itself is never sent. Each side sends a random number first; token and numbers make one key for each direction
(HMAC, RFC 2104). A line is `CODE JSON`, where CODE covers the number of the line too: lines cannot be forged, repeated
or left out. They are not encrypted.
"""

import hmac
import re
import secrets
import socket
import time
from dataclasses import dataclass, field

from harness.errors import LoadError
from harness.model import JsonModel

PROTOCOL = "barehop-1"
BUSY, WRONG_TOKEN = f"{PROTOCOL} busy", f"{PROTOCOL} wrong token"  # lines without a code
MAX_ANSWER_BYTES, MAX_REQUEST_BYTES = 16 << 20, 1 << 16  # of a line to the client, and to the server
PIECE_BYTES = 1 << 16
NONCE_BYTES = 16
GREETING = re.compile(rf"{PROTOCOL} ([0-9a-f]{{{2 * NONCE_BYTES}}})")
DIGEST, CODE_LENGTH = "sha256", 64
GREETING_S = 10.0
# A dead link is noticed by the kernel's own probes, which it sends only when nothing was sent for so long.
PROBE_AFTER_S, PROBE_EVERY_S, PROBES = 30, 5, 4


class LinkError(LoadError):
    """The other machine is silent, gone, or does not speak our protocol."""


class WrongTokenError(LinkError):
    """A line has a wrong code."""


@dataclass(slots=True)
class Channel:
    """One end of a connection to `peer`, which is named in messages. With `keys`, lines have codes."""

    sock: socket.socket
    peer: str
    longest_line_bytes: int  # that we accept
    keys: tuple[bytes, bytes] = (b"", b"")  # of the lines that we send, and of those that we receive
    sent: int = 0
    received: int = 0
    buffer: bytearray = field(default_factory=bytearray)

    def close(self) -> None:
        """Close the connection."""
        self.sock.close()

    def send(self, message: JsonModel) -> None:
        """Send a message. Raises LinkError."""
        body = message.model_dump_json().encode()
        self.write_line(_code(self.keys[0], self.sent, body) + b" " + body)
        self.sent += 1

    def receive(self, limit_s: float) -> bytes:
        """Return the JSON of the next message. Raises LinkError; WrongTokenError for a wrong code."""
        line = self.read_line(limit_s)
        if line == WRONG_TOKEN.encode():
            raise WrongTokenError
        code, body = line[:CODE_LENGTH], line[CODE_LENGTH + 1 :]
        if not hmac.compare_digest(code, _code(self.keys[1], self.received, body)):
            raise WrongTokenError
        self.received += 1
        return body

    def write_line(self, line: bytes) -> None:
        """Send a line as it is. Raises LinkError."""
        try:
            self.sock.settimeout(GREETING_S)
            self.sock.sendall(line + b"\n")
        except OSError as error:
            raise self._lost(error, GREETING_S) from None

    def read_line(self, limit_s: float) -> bytes:
        """Return the next line. Raises LinkError if it does not come within `limit_s`, or is too long."""
        deadline = time.monotonic() + limit_s
        while (end := self.buffer.find(b"\n")) < 0:
            if len(self.buffer) > self.longest_line_bytes:
                raise LinkError(f"A line of {self.peer} has more than {self.longest_line_bytes} bytes.")
            self.buffer += self._receive_piece(deadline, limit_s)
        line = bytes(self.buffer[:end])
        del self.buffer[: end + 1]
        return line

    def _receive_piece(self, deadline: float, limit_s: float) -> bytes:
        try:
            self.sock.settimeout(max(deadline - time.monotonic(), 0.001))
            piece = self.sock.recv(PIECE_BYTES)
            # Acknowledge now: a delayed acknowledgement would be sent in the next burst.
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        except OSError as error:
            raise self._lost(error, limit_s) from None
        if not piece:
            raise LinkError(f"The connection to {self.peer} was closed there.")
        return piece

    def _lost(self, error: OSError, limit_s: float) -> LinkError:
        if isinstance(error, TimeoutError) and error.errno is None:
            return LinkError(f"The link to {self.peer} is lost: nothing came within {limit_s:g} s.")
        return LinkError(f"The link to {self.peer} is lost: {(error.strerror or str(error)).lower()}.")


def greet_client(sock: socket.socket, peer: str, token: str) -> Channel:
    """Return the server's end of a new connection; the next line must have a right code. Raises LinkError."""
    channel, nonce = _new_channel(sock, peer, MAX_REQUEST_BYTES), secrets.token_hex(NONCE_BYTES)
    channel.write_line(f"{PROTOCOL} {nonce}".encode())
    theirs = _read_nonce(channel)
    to_client, to_server = _keys(token, nonce, theirs)
    channel.keys = (to_client, to_server)
    return channel


def greet_server(sock: socket.socket, peer: str, token: str) -> Channel:
    """Return the client's end of a new connection. Raises LinkError if the server is busy, or is none of ours."""
    channel, nonce = _new_channel(sock, peer, MAX_ANSWER_BYTES), secrets.token_hex(NONCE_BYTES)
    theirs = _read_nonce(channel)
    channel.write_line(f"{PROTOCOL} {nonce}".encode())
    to_client, to_server = _keys(token, theirs, nonce)
    channel.keys = (to_server, to_client)
    return channel


def _new_channel(sock: socket.socket, peer: str, longest_line_bytes: int) -> Channel:
    for level, option, value in (
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, PROBE_AFTER_S),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, PROBE_EVERY_S),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, PROBES),
    ):
        sock.setsockopt(level, option, value)
    return Channel(sock, peer, longest_line_bytes)


def _read_nonce(channel: Channel) -> str:
    line = channel.read_line(GREETING_S).decode("ascii", "replace")
    if line == BUSY:
        raise LinkError(f"At present {channel.peer} serves another client, one at a time. Wait until that has left.")
    greeting = GREETING.fullmatch(line)
    if greeting is None:
        raise LinkError(
            f"What {channel.peer} sends is not {PROTOCOL}. Use the same version of barehop on both machines."
        )
    return greeting[1]


def _keys(token: str, of_server: str, of_client: str) -> tuple[bytes, bytes]:
    """Return the keys of lines to the client and to the server."""
    return (
        hmac.digest(token.encode(), f"to client {of_server} {of_client}".encode(), DIGEST),
        hmac.digest(token.encode(), f"to server {of_server} {of_client}".encode(), DIGEST),
    )


def _code(key: bytes, number: int, body: bytes) -> bytes:
    return hmac.digest(key, b"%d " % number + body, DIGEST).hex().encode()
