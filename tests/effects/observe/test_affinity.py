import os
import threading
from pathlib import Path

import psutil
import pytest

from harness.observe.processes import stray_threads
from harness.testbed.machine.placement import Placement


def placement(nginx: tuple[int, ...], app: tuple[int, ...]) -> Placement:
    return Placement({"client": nginx, "nginx": nginx, "app": app}, "as the test says")


def thread(proc: Path, pid: int, task: int, cpus: str) -> None:
    directory = proc / f"{pid}/task/{task}"
    directory.mkdir(parents=True)
    (directory / "status").write_text(f"Name:\tworker {task}\nCpus_allowed:\tf\nCpus_allowed_list:\t{cpus}\n")


def test_a_thread_outside_its_roles_cpus_is_named(tmp_path: Path) -> None:
    thread(tmp_path, 10, 10, "1")
    thread(tmp_path, 20, 20, "2-3")
    thread(tmp_path, 20, 21, "0-3")
    found = stray_threads({"nginx": [10], "app": [20]}, placement((1,), (2, 3)), tmp_path)
    assert found == ["Thread 21 (worker 21) of app may run on CPUs 0-3, but the placement pins app to 2-3."]


def test_fewer_cpus_than_the_role_has_are_no_stray(tmp_path: Path) -> None:
    thread(tmp_path, 10, 10, "1")
    assert stray_threads({"nginx": [10]}, placement((1, 2), (3,)), tmp_path) == []


def test_what_has_vanished_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "10/task/10").mkdir(parents=True)
    assert stray_threads({"nginx": [10, 11]}, placement((1,), (2,)), tmp_path) == []


def test_a_thread_that_pinned_itself_is_found_in_the_real_proc() -> None:
    mine = tuple(psutil.Process().cpu_affinity() or ())
    if len(mine) < 2:
        pytest.skip("needs two CPUs")
    pinned, done = threading.Event(), threading.Event()

    def elsewhere() -> None:
        os.sched_setaffinity(0, mine[1:])
        pinned.set()
        done.wait()

    worker = threading.Thread(target=elsewhere)
    worker.start()
    pinned.wait()
    found = stray_threads({"app": [os.getpid()]}, placement(mine, mine[:1]))
    everywhere = stray_threads({"app": [os.getpid()]}, placement(mine, mine))
    done.set()
    worker.join()
    assert any(f"Thread {worker.native_id} " in sentence for sentence in found)
    assert everywhere == []
