"""Whoever made a keeper, and however that one ends: of the service nobody is left."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from harness.errors import StackError
from harness.testbed.processes.process import start_command
from tests.support.misbehaving_services import (
    PROGRAMS,
    eventually,
    is_up,
    mark_of,
    marked,
    odd_command,
    python_environment,
)


@dataclass(frozen=True, slots=True)
class Held:
    """An odd service that another process holds."""

    maker: subprocess.Popen[str]
    mark: str
    keeper: int
    private: Path

    def is_gone(self) -> bool:
        return not marked(self.mark) and not self.private.exists()


@contextmanager
def held(directory: Path, *habits: str) -> Iterator[Held]:
    maker = subprocess.Popen(
        [sys.executable, PROGRAMS / "service_holder.py", directory, *habits],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=python_environment(),
    )
    try:
        assert maker.stdout is not None
        said = maker.stdout.readline().split()
        assert said, maker.communicate()[1]
        yield Held(maker, said[0], int(said[1]), directory / "private")
    finally:
        maker.kill()
        maker.communicate()


@pytest.mark.parametrize("habits", [(), ("deaf", "family"), ("deaf", "family", "untidy")])
def test_sigkill_of_the_maker_leaves_nothing(tmp_path: Path, habits: tuple[str, ...]) -> None:
    with held(tmp_path, *habits) as service:
        assert service.private.is_dir()
        assert len(marked(service.mark)) == 2 + 3 * ("family" in habits)
        service.maker.kill()
        assert eventually(service.is_gone)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_any_signal_that_ends_the_maker_ends_the_service(tmp_path: Path, number: signal.Signals) -> None:
    with held(tmp_path, "family") as service:
        service.maker.send_signal(number)
        assert eventually(service.is_gone)
        assert service.maker.wait() == -number


def test_one_interrupt_is_answered_only_when_nobody_is_left(tmp_path: Path) -> None:
    with held(tmp_path, "deaf", "family") as service:
        service.maker.send_signal(signal.SIGINT)
        service.maker.wait()
        assert service.is_gone()


def test_a_second_interrupt_while_leaving_leaves_nobody_either(tmp_path: Path) -> None:
    with held(tmp_path, "deaf", "family") as service:
        service.maker.send_signal(signal.SIGINT)
        assert eventually(lambda: asked_to_stop(service))
        service.maker.send_signal(signal.SIGINT)
        service.maker.wait()
        assert service.is_gone()


def asked_to_stop(service: Held) -> bool:
    """Whether the maker has closed the lifeline: then it holds no pipe but its own standard ones."""
    links = [str(entry.readlink()) for entry in Path(f"/proc/{service.maker.pid}/fd").iterdir()]
    return sum(link.startswith("pipe:") for link in links) < 4


def test_a_storm_of_interrupts_leaves_nobody(tmp_path: Path) -> None:
    with held(tmp_path, "deaf", "family") as service:
        while service.maker.poll() is None:
            service.maker.send_signal(signal.SIGINT)
        assert eventually(service.is_gone)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_a_keeper_that_is_asked_to_stop_puts_everything_back(tmp_path: Path, number: signal.Signals) -> None:
    with held(tmp_path, "deaf", "family") as service:
        for _ in range(50):
            os.kill(service.keeper, number)
        assert eventually(service.is_gone)


def test_a_service_whose_keeper_is_killed_gets_sigterm(tmp_path: Path) -> None:
    with held(tmp_path) as service:
        os.kill(service.keeper, signal.SIGKILL)
        assert eventually(lambda: not marked(service.mark))


def test_leaving_ends_what_a_killed_keeper_could_not(tmp_path: Path) -> None:
    service = odd_command(tmp_path, "deaf", directories=(tmp_path / "private",))
    with start_command(service) as started:
        assert eventually(lambda: is_up(service))
        started.supervisor.kill()
        assert eventually(lambda: len(marked(mark_of(service))) == 1)
        with pytest.raises(StackError, match="ended with exit code -9"):
            eventually(started.check)
    assert eventually(lambda: not marked(mark_of(service)))
    assert not (tmp_path / "private").exists()


def test_a_keeper_hears_signals_that_its_maker_had_blocked(tmp_path: Path) -> None:
    service = odd_command(tmp_path, "journal")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGTERM})
    try:
        with start_command(service):
            assert eventually(lambda: is_up(service))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert (tmp_path / "journal").read_text() == "odd up\nodd down\n"


def test_a_service_begins_with_no_signal_ignored_or_blocked(tmp_path: Path) -> None:
    service = replace(odd_command(tmp_path), argv=("/bin/sh", "-c", "echo up; exec sleep 3600"))
    with start_command(service) as started:
        assert eventually(lambda: is_up(service))
        for field in ("SigIgn", "SigBlk"):
            assert eventually(lambda: signals_of(started.main_pid(), field) == 0)  # noqa: B023 - is called at once


def signals_of(pid: int, field: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{field}:")), 16)
