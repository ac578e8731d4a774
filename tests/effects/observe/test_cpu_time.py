"""CPU time is that of all threads of all processes of a role, and never that of a process that has ended."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.observe.cpu_time import cpu_reader

THREADS = 3
EACH_NS = 150_000_000
BUSY = f"""
import threading, time
def burn():
    while time.thread_time_ns() < {EACH_NS}: pass
    done.wait()
    threading.Event().wait()
done = threading.Barrier({THREADS} + 1)
for _ in range({THREADS}): threading.Thread(target=burn, daemon=True).start()
done.wait()
print("burnt", flush=True)
threading.Event().wait()
"""


@contextmanager
def child(program: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def schedstat_ns(pid: int) -> int:
    """man 5 proc has no word on it; Documentation/scheduler/sched-stats.rst: time spent on the CPU comes first."""
    return sum(int(task.read_text().split()[0]) for task in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def test_all_threads_are_counted_exactly() -> None:
    with child(BUSY) as busy:
        read = cpu_reader({"app": [busy.pid]})
        before = read()["app"]
        every_thread_ns = schedstat_ns(busy.pid)
        after = read()["app"]
    assert before >= THREADS * EACH_NS
    assert before <= every_thread_ns <= after


def test_processes_of_a_role_are_added_and_roles_kept_apart() -> None:
    idle = "import threading; print('up', flush=True); threading.Event().wait()"
    with child(BUSY) as busy, child(idle) as first, child(idle) as second:
        together = cpu_reader({"app": [busy.pid], "nginx": [first.pid, second.pid], "none": []})()
        alone = [cpu_reader({"x": [pid]})()["x"] for pid in (first.pid, second.pid)]
    assert together["app"] >= THREADS * EACH_NS > together["nginx"] > max(alone) / 2
    assert together["nginx"] <= sum(alone)
    assert together["none"] == 0


def test_a_process_that_has_ended_is_an_error_and_not_a_small_number() -> None:
    with child("print('up', flush=True)") as ended:
        pass
    with pytest.raises(OSError, match="Invalid argument"):
        cpu_reader({"app": [ended.pid]})()


def test_a_clock_never_goes_back() -> None:
    with child("print('up', flush=True)\nwhile True: pass") as busy:
        read = cpu_reader({"app": [busy.pid]})
        readings = [read()["app"] for _ in range(200)]
    assert readings == sorted(readings)
