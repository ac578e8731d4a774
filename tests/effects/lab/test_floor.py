"""The bare exchanges of the floor: right answers only, and as many as were asked for."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from odd_server import serving, whole

from harness.errors import LoadError
from harness.floor.bench import KINDS, Bench, Kind, prepared
from harness.floor.exchanges import connecting
from harness.lab.blueprint import Machine, survey
from harness.load.client import request_of


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
    return survey(tmp_path_factory.mktemp("floor"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("transport", ["tcp", "uds-tmpfs", "uds-dir"])
@pytest.mark.parametrize("size", [0, 83, 200_000])
def test_every_exchange_takes_its_time(
    kind: Kind, transport: str, size: int, machine: Machine, until_the_end: ExitStack
) -> None:
    bench = Bench(kind, transport, f"/bytes/{size}", size)
    seconds = prepared(bench, machine, until_the_end, pin=False)
    assert 0 < seconds(1) < 5
    assert 0 < seconds(20) < 5


def sockets() -> set[Path]:
    return {path for path in Path("/dev/shm").glob("barehop-*") if (path / "hop.sock").exists()}


def test_nobody_is_left_of_a_bench(machine: Machine) -> None:
    before = sockets()
    with ExitStack() as until_the_end:
        prepared(Bench("connect", "uds-tmpfs", "/", 83), machine, until_the_end, pin=False)
        made = sockets() - before
        assert made
    assert not any(path.exists() for path in made)


def test_an_answer_of_another_length_is_an_error_and_no_time() -> None:
    with serving(Longer()) as target, pytest.raises(LoadError, match="bytes instead of"):
        connecting(target, request_of(target))(3)
