"""The serving machine's door: one client at a time, strangers refused in time, and silence between questions."""

import socket
import struct
import time
from collections.abc import Callable
from threading import Thread

import pytest

from harness.errors import ConfigError, MachineError
from harness.remote import channel as channel_module
from harness.remote.channel import Channel, LinkError, greet_server
from harness.remote.link import open_link
from harness.remote.listener import accept_client, open_listener, requests_of
from harness.remote.messages import Done, RemoteRequest
from tests.support.command import eventually

TOKEN = "token"
SEGMENTS_OUT = struct.Struct("136xI")  # tcpi_segs_out of struct tcp_info, linux/tcp.h
HELLO = RemoteRequest(do="hello")


def in_thread(function: Callable[[], object]) -> Thread:
    thread = Thread(target=function)
    thread.start()
    return thread


def client_of(listener: socket.socket, token: str = TOKEN) -> Channel:
    sock = socket.create_connection(listener.getsockname())
    try:
        client = greet_server(sock, "the server", token)
    except LinkError:
        sock.close()
        raise
    client.send(HELLO)
    return client


def echo(listener: socket.socket, said: list[str]) -> None:
    """Serve one client, whatever it asks."""
    server, _ = accept_client(listener, TOKEN, said.append, lambda: None)
    server.send(Done())
    try:
        for _ in requests_of(server, listener):
            server.send(Done())
    except LinkError as lost:
        said.append(str(lost))
    server.close()


def test_the_client_sends_nothing_after_an_answer_not_even_a_late_acknowledgement() -> None:
    said: list[str] = []
    with open_listener("127.0.0.1", 0) as listener:
        thread = in_thread(lambda: echo(listener, said))
        client = client_of(listener)
        for _ in range(40):  # more than the kernel acknowledges at once by itself
            client.receive(5)
            client.send(HELLO)
        client.receive(5)
        before = segments_out(client)
        time.sleep(0.3)
        assert segments_out(client) == before
        client.close()
        thread.join()
    assert said == ["The connection to client 127.0.0.1 was closed there."]


def segments_out(client: Channel) -> int:
    info = client.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return int(SEGMENTS_OUT.unpack_from(info)[0])


def test_a_second_client_is_told_so_and_the_first_goes_on() -> None:
    said: list[str] = []
    with open_listener("127.0.0.1", 0) as listener:
        thread = in_thread(lambda: echo(listener, said))
        client = client_of(listener)
        client.receive(5)
        with pytest.raises(LinkError, match="serves another client"):
            client_of(listener)
        client.send(HELLO)
        assert client.receive(5) == b"{}"
        client.close()
        thread.join()


def test_strangers_are_refused_and_the_next_client_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_module, "GREETING_S", 0.1)
    said: list[str] = []
    with open_listener("127.0.0.1", 0) as listener:
        thread = in_thread(lambda: echo(listener, said))
        silent = socket.create_connection(listener.getsockname())
        assert eventually(lambda: said)
        monkeypatch.setattr(channel_module, "GREETING_S", 10.0)
        chatty = socket.create_connection(listener.getsockname())
        chatty.sendall(b"GET / HTTP/1.1\r\n\r\n")
        host, port = listener.getsockname()
        with (
            pytest.raises(ConfigError, match="The token is not that of barehop serve at "),
            open_link(f"{host}:{port}", "wrong"),
        ):
            pass
        client = client_of(listener)
        assert client.receive(5) == b"{}"
        for sock in (silent, chatty, client):
            sock.close()
        thread.join()
    assert [sentence.split(":")[0] for sentence in said[:3]] == ["Refused client 127.0.0.1"] * 3


def test_a_client_whose_machine_is_gone_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel asks; `repair` mode (needs root) lets the client vanish without a farewell."""
    monkeypatch.setattr(channel_module, "PROBE_AFTER_S", 1)
    monkeypatch.setattr(channel_module, "PROBE_EVERY_S", 1)
    monkeypatch.setattr(channel_module, "PROBES", 1)
    said: list[str] = []
    with open_listener("127.0.0.1", 0) as listener:
        thread = in_thread(lambda: echo(listener, said))
        client = client_of(listener)
        client.receive(5)
        client.sock.setsockopt(socket.IPPROTO_TCP, 19, 1)  # TCP_REPAIR
        client.close()
        thread.join(20)
        assert not thread.is_alive()
    assert said
    assert said[0].startswith("The link to client 127.0.0.1 is lost")


def test_an_address_of_another_machine_cannot_be_listened_on() -> None:
    with (
        pytest.raises(MachineError, match=r"barehop serve cannot listen on 192\.0\.2\.1:0: "),
        open_listener("192.0.2.1", 0),
    ):
        pass


def test_nobody_listens_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        host, port = free.getsockname()
    with (
        pytest.raises(LinkError, match=r"There is no connection to barehop serve at .*: connection refused"),
        open_link(f"{host}:{port}", TOKEN),
    ):
        pass
