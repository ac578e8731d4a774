"""Many requests at once: how many are under way, which of them are timed, and what becomes of those that fail."""

import socket
import ssl
import threading
import time
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import trustme

from harness.load.burst import Burst
from harness.load.connections import open_pool
from harness.load.loops import CapacitySearch, closed_loop_burst, exact_timers, open_loop_burst, poisson_arrivals_ns
from harness.model import Target
from tests.support.scripted_server import Answer, resets, says, serving, stays_silent, whole

NOBODY = Target("127.0.0.1", 1, "/")


class Crowded:
    """Answers after a while, and knows how many requests waited at once."""

    def __init__(self, takes_s: float = 0.002) -> None:
        self.takes_s = takes_s
        self.waiting = 0
        self.most = 0
        self.requests = 0
        self._lock = threading.Lock()

    def answer(self, connection: socket.socket, number: int) -> bool:
        with self._lock:
            self.waiting += 1
            self.requests += 1
            self.most = max(self.most, self.waiting)
        time.sleep(self.takes_s)
        with self._lock:
            self.waiting -= 1
        connection.sendall(whole())
        return True


def busy(answer: Answer, connections: int, timed: int, *, keepalive: bool = True, timeout_s: float = 10) -> Burst:
    with (
        serving(answer, keepalive=keepalive, at_once=True) as target,
        open_pool(replace(target, timeout_s=timeout_s)) as many,
    ):
        return closed_loop_burst(many, connections, 0, timed)


def test_as_many_requests_are_under_way_as_there_are_connections() -> None:
    server = Crowded()
    burst = busy(server.answer, connections=5, timed=40)

    assert server.most == 5
    assert burst.failures == {}
    assert burst.sent == server.requests
    assert burst.positions == tuple(range(40))


@pytest.mark.parametrize("keepalive", [True, False])
def test_connections_are_opened_once_or_for_each_request(keepalive: bool) -> None:
    server = Crowded()

    def answer(connection: socket.socket, number: int) -> bool:
        return server.answer(connection, number) and keepalive

    burst = busy(answer, connections=3, timed=12, keepalive=keepalive)
    assert burst.connections == (3 if keepalive else burst.sent)
    assert burst.failures == {}


def test_every_connection_makes_four_timed_requests_at_least() -> None:
    assert len(busy(Crowded().answer, connections=6, timed=1).positions) == 24


def test_times_are_in_order_of_sending_and_their_interval_is_that_of_throughput() -> None:
    burst = busy(Crowded(0.01).answer, connections=4, timed=40)

    assert all(earlier <= later for earlier, later in pairwise(burst.start_ns))
    between = 4 * burst.interval_ns / (sum(burst.latency_ns) / 40)
    assert 0.5 < between < 2  # Little's law


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (says(whole(status="500 Internal Server Error")), "status 500"),
        (says(whole()[:-5]), "short body"),
        (says(b""), "no answer"),
        (resets, "reset"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("keepalive", [True, False])
def test_what_goes_wrong_is_counted_as_what_it_is(answer: Answer, fault: str, keepalive: bool) -> None:
    burst = busy(answer, connections=4, timed=16, keepalive=keepalive)

    assert set(burst.failures) == {fault}
    assert burst.failures[fault] == burst.sent
    assert burst.latency_ns == ()


def test_a_refused_connection_ends_no_burst_and_waits_for_nothing() -> None:
    with open_pool(NOBODY) as many:
        burst = closed_loop_burst(many, 4, 0, 16)

    assert burst.failures == {"connection refused": burst.sent}


def test_a_timeout_ends_the_burst_and_lets_go_of_the_others() -> None:
    burst = busy(stays_silent, connections=4, timed=1000, timeout_s=0.2)

    assert set(burst.failures) == {"timeout"}
    assert burst.sent < 1000


def test_the_full_backlog_of_a_unix_socket_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "hop.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(0)
        with open_pool(Target("localhost", 0, "/", socket=path, timeout_s=0.3)) as many:
            burst = closed_loop_burst(many, 8, 0, 8)

    assert burst.failures["resource temporarily unavailable"] > 0


def test_a_connection_that_the_server_closed_is_reopened_and_its_request_not_timed() -> None:
    server = Crowded()

    def answer(connection: socket.socket, number: int) -> bool:
        return server.answer(connection, number) and number < 3

    burst = busy(answer, connections=2, timed=30)
    assert burst.failures == {}
    assert 0 < len(burst.positions) < 30


def test_requests_are_sent_when_they_are_meant_to_be_however_slow_the_answers() -> None:
    arrivals_ns = [10_000_000 * number for number in range(20)]
    server = Crowded(0.1)
    with serving(server.answer, keepalive=True, at_once=True) as target, open_pool(target) as many:
        burst = open_loop_burst(many, arrivals_ns, settle=4)

    assert server.most >= 5  # a closed loop has one
    meant_ns = [start - late for start, late in zip(burst.start_ns, burst.late_ns, strict=True)]
    apart_ms = [(later - earlier) / 1e6 for earlier, later in pairwise(meant_ns)]
    assert sorted(apart_ms)[len(apart_ms) // 2] == pytest.approx(10, abs=2)


def test_requests_that_are_sent_late_say_by_how_much() -> None:
    with serving(Crowded(0).answer, keepalive=True, at_once=True) as target, open_pool(target) as many:
        burst = open_loop_burst(many, [0] * 30, settle=0)

    assert all(late_ns >= 0 for late_ns in burst.late_ns)
    assert list(burst.late_ns) == sorted(burst.late_ns)


def test_too_many_that_wait_end_the_burst_and_the_rest_counts_as_failed() -> None:
    with serving(stays_silent, at_once=True) as target, open_pool(replace(target, timeout_s=0.3)) as many:
        burst = open_loop_burst(many, [0] * 1020, settle=0)

    assert burst.failures["not sent because 1000 others waited"] == 20


def test_the_timer_slack_is_put_back() -> None:
    slack = Path("/proc/self/timerslack_ns")
    before = slack.read_text()
    with exact_timers():
        assert slack.read_text() == "1\n"
    assert slack.read_text() == before


def test_a_search_ends_where_the_server_cannot_follow() -> None:
    """One request at a time, 4 ms each: 250 a second, and the queue grows without end beyond."""
    turn = threading.Lock()

    def answer(connection: socket.socket, number: int) -> bool:
        with turn:
            time.sleep(0.004)
        connection.sendall(whole())
        return True

    with serving(answer, keepalive=True, at_once=True) as target, open_pool(target) as many:
        search = CapacitySearch(many, limit_ms=60, closed_loop_requests=64, step_requests=120)
        steps = [search.run_step(str(number)) for number in range(5)]

    assert steps[0].rate_per_s is None
    held = [step.rate_per_s for step in steps[1:] if step.holds and step.rate_per_s]
    failed = [step.rate_per_s for step in steps[1:] if not step.holds and step.rate_per_s]
    assert max(held, default=0) <= min(failed, default=1e9)
    assert max(held, default=0) < 260  # more than it can answer


def test_arrivals_are_as_many_as_the_rate_says_at_random_and_the_same_for_the_same_seed() -> None:
    once, again = poisson_arrivals_ns(1000, 5000, "1/1/1"), poisson_arrivals_ns(1000, 5000, "1/1/1")
    other = poisson_arrivals_ns(2000, 5000, "1/1/1")

    assert once == again
    assert once[-1] / 1e9 == pytest.approx(5, rel=0.1)
    assert other[-1] * 2 == pytest.approx(once[-1], rel=1e-6)
    gaps = Counter(round((later - earlier) / 1e6) for earlier, later in pairwise(once))
    assert gaps[0] > gaps[1] > gaps[2] > gaps[4]  # exponential


@pytest.mark.parametrize("keepalive", [True, False])
def test_many_connections_speak_tls_and_trust_nobody_else(keepalive: bool, tmp_path: Path) -> None:
    authority, server_side = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server_side)
    faults = {}
    for name, trusted in (("ours", authority), ("other", trustme.CA())):
        path = tmp_path / f"{name}.pem"
        trusted.cert_pem.write_to_path(str(path))
        answer = says(whole(), stays=keepalive)
        with (
            serving(answer, server_side, keepalive, at_once=True) as target,
            open_pool(replace(target, ca_file=path)) as many,
        ):
            faults[name] = closed_loop_burst(many, 3, 0, 12).failures

    assert faults["ours"] == {}
    assert set(faults["other"]) == {"tls certificate verify failed"}


def test_connections_that_a_stall_opened_are_not_kept_from_visit_to_visit() -> None:
    with serving(Crowded(0.3).answer, keepalive=True, at_once=True) as target, open_pool(target) as many:
        once = open_loop_burst(many, [0] * 50, settle=0)
        again = open_loop_burst(many, [0] * 50, settle=0)

    assert (once.connections, again.connections) == (50, 18)
