"""Lines between two machines: only who has the token can send one, and none can be changed, repeated or left out."""

import socket
from typing import cast

import pytest

from harness.remote.channel import (
    MAX_REQUEST_BYTES,
    Channel,
    LinkError,
    WrongTokenError,
    greet_client,
    greet_server,
)
from harness.remote.messages import RemoteRequest

TOKEN = "0123456789abcdef"
REQUEST = RemoteRequest(do="start", session=3)


class Wire:
    """One end of a connection in memory: what was sent, and what is still to be received."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.coming = bytearray()

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def recv(self, size: int) -> bytes:
        piece = bytes(self.coming[:size])
        del self.coming[:size]
        return piece

    def settimeout(self, _seconds: float) -> None: ...

    def setsockopt(self, *_option: int) -> None: ...


def ends(server_token: str = TOKEN, client_token: str = TOKEN) -> tuple[Channel, Channel, Wire, Wire]:
    """Both ends of a connection after the greetings, with their wires."""
    server_wire, client_wire = Wire(), Wire()
    # The greetings do not depend on each other: each side sends its number and reads that of the other.
    probe = Wire()
    probe.coming += b"barehop-1 " + b"0" * 32 + b"\n"
    greet_client(cast("socket.socket", probe), "probe", server_token)
    server_nonce = bytes(probe.sent)
    client_wire.coming += server_nonce
    client = greet_server(cast("socket.socket", client_wire), "the server", client_token)
    server_wire.coming += client_wire.sent
    client_wire.sent.clear()
    server = greeted(server_wire, server_nonce, server_token)
    return server, client, server_wire, client_wire


def greeted(wire: Wire, nonce: bytes, token: str) -> Channel:
    """The server's end whose number is `nonce`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("harness.remote.channel.secrets.token_hex", lambda _: nonce.decode().split()[1])
        channel = greet_client(cast("socket.socket", wire), "the client", token)
    wire.sent.clear()
    return channel


def test_a_message_arrives_and_the_token_is_never_on_the_wire() -> None:
    server, client, server_wire, client_wire = ends()
    client.send(REQUEST)
    assert TOKEN.encode() not in client_wire.sent
    server_wire.coming += client_wire.sent
    assert RemoteRequest.model_validate_json(server.receive(1)) == REQUEST
    server.send(REQUEST)
    client_wire.coming += server_wire.sent
    assert RemoteRequest.model_validate_json(client.receive(1)) == REQUEST


def test_another_token_is_noticed_with_the_first_message() -> None:
    server, client, server_wire, client_wire = ends(client_token="other")
    client.send(REQUEST)
    server_wire.coming += client_wire.sent
    with pytest.raises(WrongTokenError):
        server.receive(1)


@pytest.mark.parametrize("change", ["edited", "repeated", "left out", "sent back"])
def test_a_message_that_somebody_changed_repeated_or_left_out_is_refused(change: str) -> None:
    server, client, server_wire, client_wire = ends()
    client.send(REQUEST)
    first = bytes(client_wire.sent)
    client.send(REQUEST)
    second = bytes(client_wire.sent[len(first) :])
    if change == "repeated":
        server_wire.coming += first
        server.receive(1)
    server_wire.coming += {
        "edited": first.replace(b'"session":3', b'"session":4'),
        "repeated": first,
        "left out": second,
        "sent back": b"",
    }[change]
    client_wire.coming += first
    with pytest.raises(WrongTokenError):
        (client if change == "sent back" else server).receive(1)


def test_a_line_without_an_end_is_not_kept_for_ever() -> None:
    server, _, server_wire, _ = ends()
    server_wire.coming += b"x" * (2 * MAX_REQUEST_BYTES)
    with pytest.raises(LinkError, match=r"^A line of the client has more than 65536 bytes\.$"):
        server.receive(1)


def test_an_end_that_closes_is_a_sentence() -> None:
    server, *_ = ends()
    with pytest.raises(LinkError, match=r"^The connection to the client was closed there\.$"):
        server.receive(1)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"barehop-1 busy\n", "At present the server serves another client"),
        (b"SSH-2.0-OpenSSH_9.2p1\n", "What the server sends is not barehop-1"),
        (b"barehop-1 00\n", "What the server sends is not barehop-1"),
    ],
)
def test_what_is_not_a_free_server_of_this_version_is_a_sentence(line: bytes, message: str) -> None:
    wire = Wire()
    wire.coming += line
    with pytest.raises(LinkError, match=message):
        greet_server(cast("socket.socket", wire), "the server", TOKEN)
