"""The client against servers that answer right, wrong, half, late or not at all."""

import gc
import socket
import time
from contextlib import suppress
from dataclasses import replace

import pytest

from harness.load.client import gc_disabled, open_client
from harness.model import Target
from tests.support.scripted_server import Answer, resets, says, serving, stays_silent, whole

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

RIGHT = {
    "content-length": whole(),
    "chunked": CHUNKED + b"5\r\nhello\r\n0\r\n\r\n",
    "chunked with trailers": CHUNKED + b"5;x=y\r\nhello\r\n0\r\nA: b\r\n\r\n",
    "until close": b"HTTP/1.0 200 OK\r\n\r\nhello",
    "announced as empty": whole(b""),
    "without content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "large": whole(b"x" * 1_000_000),
}

WRONG = {
    "status 500": whole(status="500 Internal Server Error"),
    "status 304": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "short body": whole()[:-1],
    "short head": b"HTTP/1.1 200 OK\r\nContent-",
    "excess bytes": whole() + b"?",
    "empty body": b"HTTP/1.1 200 OK\r\n\r\n",
    "not http": b"SSH-2.0-OpenSSH_9.2\r\n",
    "no answer": b"",
}


@pytest.mark.parametrize("reply", RIGHT.values(), ids=RIGHT)
def test_every_form_of_a_right_answer_is_timed(reply: bytes) -> None:
    with serving(says(reply)) as target, open_client(target) as burst:
        seen = burst(2, 3)

    assert seen.failures == {}
    assert seen.positions == (0, 1, 2)
    assert len(seen.start_ns) == len(seen.latency_ns) == 3


@pytest.mark.parametrize(("kind", "reply"), WRONG.items(), ids=WRONG)
def test_a_wrong_answer_is_counted_by_its_kind_and_never_timed(kind: str, reply: bytes) -> None:
    with serving(says(reply)) as target, open_client(target) as burst:
        seen = burst(2, 3)

    assert seen.failures == {kind: 5}
    assert seen.positions == seen.start_ns == seen.latency_ns == ()


def test_an_answer_cut_off_by_a_reset_is_a_reset() -> None:
    with serving(resets) as target, open_client(target) as burst:
        assert burst(0, 2).failures == {"reset": 2}


def test_a_port_where_nobody_listens_refuses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = Target("127.0.0.1", listener.getsockname()[1], "/")

    with open_client(target) as burst:
        assert burst(1, 1).failures == {"connection refused": 2}


def drips(connection: socket.socket, number: int) -> bool:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b".")
        time.sleep(0.01)


@pytest.mark.parametrize("answer", [stays_silent, drips])
@pytest.mark.parametrize("keepalive", [False, True])
def test_a_timeout_ends_its_burst(answer: Answer, keepalive: bool) -> None:
    with serving(answer, keepalive=keepalive) as target, open_client(replace(target, timeout_s=0.1)) as burst:
        assert burst(0, 50).failures == {"timeout": 1}


def test_positions_skip_the_requests_that_failed() -> None:
    replies = iter([whole(), whole(status="502 Bad Gateway"), whole(), whole()])

    def answer(connection: socket.socket, number: int) -> bool:
        connection.sendall(next(replies))
        return False

    with serving(answer) as target, open_client(target) as burst:
        seen = burst(1, 3)

    assert seen.positions == (1, 2)
    assert seen.failures == {"status 502": 1}


def test_the_time_ends_with_the_last_byte_and_not_with_the_close() -> None:
    sent_ns: list[int] = []
    closed_ns: list[int] = []

    def answer(connection: socket.socket, number: int) -> bool:
        connection.sendall(whole()[:-1])
        time.sleep(0.02)
        sent_ns.append(time.perf_counter_ns())
        connection.sendall(whole()[-1:])
        time.sleep(0.2)
        closed_ns.append(time.perf_counter_ns())
        return False

    with serving(answer) as target, open_client(target) as burst:
        seen = burst(0, 1)

    assert sent_ns[0] < seen.start_ns[0] + seen.latency_ns[0] < closed_ns[0]


def test_what_is_asked_is_what_the_target_says() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        listener.settimeout(5)
        with open_client(Target("127.0.0.1", port, "/a?b=c", timeout_s=0.1)) as burst:
            burst(0, 1)
        connection, _ = listener.accept()
        with connection:
            asked = connection.recv(4096).decode().split("\r\n")

    assert asked[:2] == ["GET /a?b=c HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    assert "Connection: close" in asked


@pytest.mark.parametrize("enabled", [True, False])
def test_the_garbage_collector_is_as_it_was_when_quiet_is_over(enabled: bool) -> None:
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        with suppress(ValueError), gc_disabled():
            inside = gc.isenabled()
            raise ValueError
        after = gc.isenabled()
    finally:
        (gc.enable if before else gc.disable)()

    assert not inside
    assert after == enabled
