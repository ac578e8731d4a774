"""The CPU time of a family never falls when one of it ends, and never misses one that came and went."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import psutil
import pytest

from harness.observe.cpu_time import TICK_NS, FamilyClock
from harness.testbed.processes.process import ProcessFamily, descendant_pids

BURN_NS = 200_000_000
PARENT = f"""
import os, signal, sys, time
def burn():
    while time.process_time_ns() < {BURN_NS}: pass
def child():
    pid = os.fork()
    if not pid:
        burn()
        print("burnt", flush=True)
        signal.pause()
    return pid
pids = []
for line in sys.stdin:
    if line == "fork\\n": pids.append(child())
    if line == "ignore\\n": signal.signal(signal.SIGCHLD, signal.SIG_IGN); print("ignored", flush=True)
    if line == "kill\\n": os.kill(pids[-1], signal.SIGKILL); print("killed", flush=True)
    if line == "wait\\n": os.waitpid(pids.pop(), 0); print("waited", flush=True)
"""


@contextmanager
def parent() -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-I", "-S", "-c", PARENT]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        try:
            yield process
        finally:
            for pid in (*descendant_pids(process.pid), process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def tell(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdin
    assert process.stdout
    process.stdin.write(f"{word}\n")
    assert process.stdout.readline()


def clock_of(process: subprocess.Popen[str]) -> FamilyClock:
    return FamilyClock(ProcessFamily(workers=(process.pid,), supervisors=(os.getpid(),)))


def test_a_child_counts_while_it_runs_as_a_zombie_and_when_it_was_waited_for() -> None:
    with parent() as process, closing(clock_of(process)) as clock:
        readings = [clock.read_ns()]
        for word in ("fork", "kill", "wait"):
            tell(process, word)
            readings.append(clock.read_ns())
    assert readings[1] - readings[0] >= BURN_NS
    assert readings[2] >= readings[1]
    assert readings[3] >= readings[2] - 2 * TICK_NS, "a child's time is handed on in whole ticks"


def test_a_child_that_came_and_went_between_two_readings_counts() -> None:
    with parent() as process, closing(clock_of(process)) as clock:
        before = clock.read_ns()
        for word in ("fork", "kill", "wait"):
            tell(process, word)
        assert clock.read_ns() - before >= BURN_NS - 2 * TICK_NS


def test_a_child_that_nobody_waits_for_takes_nothing_away_when_it_ends() -> None:
    with parent() as process, closing(clock_of(process)) as clock:
        tell(process, "ignore")
        tell(process, "fork")
        (child,) = descendant_pids(process.pid)
        while_it_ran = clock.read_ns()
        tell(process, "kill")
        with suppress(psutil.NoSuchProcess):
            psutil.Process(child).wait(timeout=10)
        assert clock.read_ns() >= while_it_ran


def test_a_worker_that_ends_is_an_error_and_not_a_smaller_number() -> None:
    with parent() as process, closing(clock_of(process)) as clock:
        clock.read_ns()
        process.kill()
        process.wait()
        with pytest.raises(OSError, match=r"ended|Invalid argument|No such process"):
            clock.read_ns()


def test_no_file_of_a_process_that_has_ended_stays_open() -> None:
    with parent() as process, closing(clock_of(process)) as clock:
        for _ in range(3):
            for word in ("fork", "kill", "wait"):
                tell(process, word)
                clock.read_ns()
        tell(process, "fork")
        clock.read_ns()
        assert len(clock.stats) == 3, "this process, the parent and its one child"


def test_processes_that_end_one_after_the_other_while_they_are_read_are_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ending = iter((True, True, True))
    real_clock = time.clock_gettime_ns

    def clock(number: int) -> int:
        if next(ending, False):
            raise OSError(errno.EINVAL, "Invalid argument")  # as the kernel says of a process that has just ended
        return real_clock(number)

    with parent() as process, closing(clock_of(process)) as family:
        tell(process, "fork")
        monkeypatch.setattr(time, "clock_gettime_ns", clock)
        assert family.read_ns() >= 0
        assert next(ending, False) is False
