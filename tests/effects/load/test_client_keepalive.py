"""The client that keeps its connection: what it times, and what it does when the server closes."""

import socket
import time
from dataclasses import replace
from threading import Event

import pytest

from harness.load.burst import Burst
from harness.load.client import open_client
from tests.support.scripted_server import close_with_reset, resets, says, serving, whole

CLOSE = "Connection: close\r\n"


class Kept:
    """A server that keeps each connection for `limit` requests, and what it saw of them."""

    def __init__(self, limit: int, last_fields: str = "") -> None:
        self.limit = limit
        self.last_fields = last_fields
        self.numbers: list[int] = []
        self.seen_ns: list[int] = []

    def answer(self, connection: socket.socket, number: int) -> bool:
        self.seen_ns.append(time.perf_counter_ns())
        self.numbers.append(number)
        stays = number < self.limit
        connection.sendall(whole(fields="" if stays else self.last_fields))
        return stays

    def burst(self, settle: int, timed: int) -> Burst:
        with serving(self.answer, keepalive=True) as target, open_client(target) as burst:
            return burst(settle, timed)


def test_one_connection_serves_settling_and_all_bursts() -> None:
    kept = Kept(limit=100)
    with serving(kept.answer, keepalive=True) as target, open_client(target) as burst:
        positions = [burst(1, 4).positions, burst(0, 4).positions]

    assert positions == [(0, 1, 2, 3), (0, 1, 2, 3)]
    assert kept.numbers == list(range(1, 10))


def test_the_request_that_opened_the_connection_is_not_timed() -> None:
    seen = Kept(limit=100).burst(0, 3)

    assert seen.positions == (1, 2)
    assert seen.failures == {}


def test_the_time_starts_when_the_request_is_sent() -> None:
    kept = Kept(limit=100)
    seen = kept.burst(1, 1)

    assert kept.seen_ns[0] < seen.start_ns[0] < kept.seen_ns[1] < seen.start_ns[0] + seen.latency_ns[0]


@pytest.mark.parametrize("fields", ["", CLOSE], ids=["silently", "with an announcement"])
def test_a_connection_closed_by_the_server_is_reopened_and_that_request_not_timed(fields: str) -> None:
    kept = Kept(limit=3, last_fields=fields)
    seen = kept.burst(1, 8)

    assert seen.positions == (0, 1, 3, 4, 6, 7)
    assert seen.failures == {}
    assert kept.numbers == [1, 2, 3] * 3


def test_a_connection_that_the_server_reset_meanwhile_is_reopened_too() -> None:
    answered, reset = Event(), Event()

    def answer(connection: socket.socket, number: int) -> bool:
        connection.sendall(whole())
        if number < 3:
            return True
        answered.wait(5)
        close_with_reset(connection)
        connection.close()
        reset.set()
        return False

    with serving(answer, keepalive=True) as target, open_client(target) as burst:
        before = burst(1, 2)
        answered.set()
        reset.wait(5)
        after = burst(0, 2)

    assert before.failures == after.failures == {}
    assert (before.positions, after.positions) == ((0, 1), (1,))


def test_an_answer_that_comes_after_the_timeout_is_not_taken_for_the_next() -> None:
    late = Event()
    numbers: list[int] = []

    def answer(connection: socket.socket, number: int) -> bool:
        numbers.append(number)
        if number == 2:
            late.wait(5)
        connection.sendall(whole())
        return True

    with serving(answer, keepalive=True) as target, open_client(replace(target, timeout_s=0.2)) as burst:
        before = burst(1, 3)
        late.set()
        after = burst(0, 2)

    assert before.failures == {"timeout": 1}
    assert after.positions == (1,)
    assert numbers == [1, 2, 1, 2]


def test_a_server_that_never_keeps_a_connection_has_failed() -> None:
    seen = Kept(limit=1, last_fields=CLOSE).burst(1, 3)

    assert seen.failures == {"connection not kept": 4}
    assert seen.positions == ()


def test_an_answer_that_only_the_close_ends_is_not_kept() -> None:
    with serving(says(b"HTTP/1.1 200 OK\r\n\r\nhello"), keepalive=True) as target, open_client(target) as burst:
        assert burst(0, 2).failures == {"connection not kept": 2}


def test_a_server_that_closes_without_an_answer_is_asked_once_more_only() -> None:
    with serving(says(b""), keepalive=True) as target, open_client(target) as burst:
        assert burst(1, 2).failures == {"no answer": 3}


def test_a_reset_within_an_answer_is_a_failure_and_the_next_request_opens_again() -> None:
    def answer(connection: socket.socket, number: int) -> bool:
        return resets(connection, number) if number == 3 else says(whole(), stays=True)(connection, number)

    with serving(answer, keepalive=True) as target, open_client(target) as burst:
        seen = burst(1, 4)

    assert seen.failures == {"reset": 1}
    assert seen.positions == (0, 3)


@pytest.mark.parametrize(
    ("kind", "reply"),
    [("excess bytes", whole() + b"?"), ("status 503", whole(status="503 Service Unavailable"))],
)
def test_nothing_more_is_asked_over_a_connection_that_answered_wrong(kind: str, reply: bytes) -> None:
    numbers: list[int] = []

    def answer(connection: socket.socket, number: int) -> bool:
        numbers.append(number)
        connection.sendall(reply)
        return True

    with serving(answer, keepalive=True) as target, open_client(target) as burst:
        assert burst(0, 3).failures == {kind: 3}
    assert numbers == [1, 1, 1]


def test_a_large_chunked_answer_is_read_to_its_end_and_no_further() -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + 20 * chunk + b"0\r\n\r\n"
    with serving(says(reply, stays=True), keepalive=True) as target, open_client(target) as burst:
        seen = burst(1, 3)

    assert seen.failures == {}
    assert seen.positions == (0, 1, 2)
