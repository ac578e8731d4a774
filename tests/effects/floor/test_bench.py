"""The bare exchanges of the floor: right answers only, as many as were asked for, and none without an end."""

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import LoadError
from harness.floor.bench import (
    KINDS,
    ExchangeKind,
    FloorBenchmark,
    TimeLoops,
    prepare_benchmark,
    time_exchanges,
)
from harness.model import Target
from harness.testbed.blueprint import Machine, survey_machine
from tests.support.scripted_server import Answer, repeats, serving, stays_silent, whole
from tests.support.stacks import TRANSPORTS


class Longer:
    """A server whose every answer is longer than the one before."""

    size = 0

    def __call__(self, connection: socket.socket, _number: int) -> bool:
        self.size += 1
        connection.sendall(whole(b"x" * self.size))
        return False


@pytest.fixture
def until_the_end() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return survey_machine(tmp_path_factory.mktemp("floor"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("size", [0, 83, 200_000])
def test_every_exchange_takes_its_time(
    kind: ExchangeKind, transport: str, size: int, machine: Machine, until_the_end: ExitStack
) -> None:
    bench = FloorBenchmark(kind, transport, f"/bytes/{size}", size)
    seconds = prepare_benchmark(bench, machine, until_the_end, pin=False)
    assert 0 < seconds(1) < 5
    assert 0 < seconds(20) < 5


def sockets() -> set[Path]:
    return {path for path in Path("/dev/shm").glob("barehop-*") if (path / "hop.sock").exists()}


def test_nobody_is_left_of_a_bench(machine: Machine) -> None:
    before = sockets()
    with ExitStack() as until_the_end:
        prepare_benchmark(FloorBenchmark("connect", "uds-tmpfs", "/", 83), machine, until_the_end, pin=False)
        made = sockets() - before
        assert made
    assert not any(path.exists() for path in made)


def test_an_answer_of_another_length_is_an_error_and_no_time() -> None:
    with serving(Longer()) as target, pytest.raises(LoadError, match="bytes instead of"):
        time_exchanges(target)(3)


def floor_of(target: Target, kind: ExchangeKind) -> TimeLoops:
    return time_exchanges(replace(target, timeout_s=0.2, keepalive=kind == "ping-pong"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "answer", [stays_silent, repeats(b"", b"x", 0.01)], ids=["silent at once", "bytes without an end"]
)
def test_a_server_that_does_not_come_to_an_end_is_waited_for_until_the_timeout(
    kind: ExchangeKind, answer: Answer
) -> None:
    with serving(answer) as target, pytest.raises(LoadError, match=r"did not finish an answer within 0\.2 s"):
        floor_of(target, kind)
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


class Stopping:
    """A server that gives some right answers, whatever connection they are asked for over, and then falls silent."""

    left = 3

    def __call__(self, connection: socket.socket, _number: int) -> bool:
        self.left -= 1
        if self.left >= 0:
            connection.sendall(whole())
            return self.left != 2  # the first is asked for to the end of its connection
        return stays_silent(connection, 0)


class StoppingCloses(Stopping):
    def __call__(self, connection: socket.socket, number: int) -> bool:
        super().__call__(connection, number)
        return False


@pytest.mark.parametrize(("kind", "answer"), [("connect", StoppingCloses), ("ping-pong", Stopping)])
def test_a_server_that_stops_answering_in_the_middle_is_an_error_and_no_time(
    kind: ExchangeKind, answer: type[Stopping]
) -> None:
    with serving(answer()) as target:
        seconds = floor_of(target, kind)
        with pytest.raises(LoadError, match=r"did not finish an answer within 0\.2 s"):
            seconds(20)


def test_more_exchanges_than_fit_into_one_timeout_are_no_error() -> None:
    def slow(connection: socket.socket, _number: int) -> bool:
        time.sleep(0.05)
        connection.sendall(whole())
        return False

    with serving(slow) as target:
        assert floor_of(target, "connect")(12) > 0


def test_an_answer_that_is_larger_than_any_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.floor.bench.MAX_ANSWER_BYTES", 1 << 20)
    with (
        serving(repeats(b"", b"x" * 65536)) as target,
        pytest.raises(LoadError, match="answers with more than 1048576 bytes"),
    ):
        time_exchanges(target)
