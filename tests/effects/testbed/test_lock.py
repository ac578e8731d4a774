"""One run at a time on a machine, in whatever namespaces; no process that is no run can block one."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.errors import MachineError
from harness.observe.doubts.context import Context
from harness.observe.doubts.system import lock_doubts
from harness.testbed.kernel.lock import (
    LOCK_VARIABLE,
    NAMESPACE_FILES,
    MachineLock,
    hold_machine,
    is_measuring_command,
    lock_holders,
    machine_lock,
)
from harness.testbed.machine.procfs import Roots
from tests.support.misbehaving_services import eventually, python_environment

HOLD = """
import os, sys, threading
from harness.testbed.kernel.lock import hold_machine
with hold_machine() as open_point:
    print("held", open_point, flush=True)
    threading.Event().wait()
"""
TRY = """
from harness.errors import MachineError
from harness.testbed.kernel.lock import hold_machine
try:
    with hold_machine() as open_point:
        print("held", open_point)
except MachineError as refusal:
    print(refusal)
"""
SQUAT = """
import fcntl, sys, threading
with open(sys.argv[1]) as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    print("held", flush=True)
    threading.Event().wait()
"""
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes namespaces everywhere")


def environment(directory: Path, *, other: str = "") -> dict[str, str]:
    rest = {name: value for name, value in python_environment().items() if name != LOCK_VARIABLE}
    return {**rest, "BAREHOP_STATE": str(directory / "state"), **({LOCK_VARIABLE: other} if other else {})}


@contextmanager
def holding(*words: str, environment: dict[str, str], before: tuple[str, ...] = ()) -> Iterator[subprocess.Popen[str]]:
    """A process that holds a lock until the end, or until it is killed."""
    argv = [*before, sys.executable, "-c", *words]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=environment, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("held")
            yield process
        finally:
            process.kill()


def tried(environment: dict[str, str], *before: str) -> str:
    """What a second run hears."""
    argv = [*before, sys.executable, "-c", TRY]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def lock_of_a_test(tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path, other=str(tmp_path / "lock"))


def test_a_second_run_is_refused_until_the_first_has_ended_even_by_sigkill(lock_of_a_test: dict[str, str]) -> None:
    with holding(HOLD, environment=lock_of_a_test) as first:
        text = tried(lock_of_a_test)
        assert text.startswith(f"Another run of barehop is measuring on this machine. It is process {first.pid} (")
        assert f"or end it: kill {first.pid}." in text
    assert eventually(lambda: tried(lock_of_a_test) == "held")


def test_a_run_that_failed_holds_nothing(lock_of_a_test: dict[str, str]) -> None:
    with pytest.raises(ZeroDivisionError), hold_machine(environment=lock_of_a_test):
        raise ZeroDivisionError
    with hold_machine(environment=lock_of_a_test) as open_point:
        assert open_point == ""


NAMESPACES = {
    "network": ("unshare", "--net"),
    "user": ("unshare", "--user", "--map-root-user", "--net"),
    "process and mount": ("unshare", "--net", "--pid", "--mount", "--ipc", "--uts", "--fork", "--mount-proc"),
}


@pytest.fixture
def free_machine(tmp_path: Path) -> None:
    """A real run on this machine is not disturbed, and disturbs no test."""
    (tmp_path / "free").mkdir(mode=0o700)
    if not eventually(lambda: tried(environment(tmp_path / "free")) == "held", within_s=60):
        pytest.skip("another run measures on this machine")


@AS_ROOT
@pytest.mark.needs_root
@pytest.mark.usefixtures("free_machine")
@pytest.mark.parametrize("namespaces", NAMESPACES)
def test_the_lock_of_the_machine_is_met_in_other_namespaces(tmp_path: Path, namespaces: str) -> None:
    """Each run has a state directory of its own, so that nothing but the kernel's file is common to them."""
    (tmp_path / "other").mkdir(mode=0o700)
    with holding(HOLD, environment=environment(tmp_path)):
        text = tried(environment(tmp_path / "other"), *NAMESPACES[namespaces])
    assert text.startswith("Another run of barehop is measuring on this machine.")
    assert ("is not visible from here" in text) == (namespaces == "process and mount")


@AS_ROOT
@pytest.mark.needs_root
@pytest.mark.usefixtures("free_machine")
def test_an_ordinary_user_who_sits_on_the_lock_costs_root_a_doubt_and_no_more(tmp_path: Path) -> None:
    lock = machine_lock()
    assert lock
    as_nobody = ("setpriv", "--reuid=65534", "--clear-groups", "--")
    python = shutil.which("python3", path="/usr/bin:/bin") or sys.executable
    argv = [*as_nobody, python, "-c", SQUAT, str(lock.path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env={"PATH": "/usr/bin:/bin"}) as squatter:
        try:
            assert squatter.stdout is not None
            assert squatter.stdout.readline() == "held\n"
            with hold_machine(environment=environment(tmp_path)) as open_point:
                assert f"is held by process {squatter.pid} (" in open_point
                assert "which is no run of barehop" in open_point
                assert [doubt.kind for doubt in lock_doubts(Context())] == ["lock"]
                second = tried(environment(tmp_path))
                assert second.startswith("Another run of barehop is measuring")
            said: list[str] = []
            with hold_machine(said.append, environment(tmp_path)):
                assert said == [open_point]
        finally:
            squatter.kill()


@pytest.mark.usefixtures("free_machine")
def test_a_held_machine_is_no_doubt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LOCK_VARIABLE, raising=False)
    lock = machine_lock()
    assert lock
    with hold_machine(environment=environment(tmp_path)):
        assert [doubt.kind for doubt in lock_doubts(Context())] == ([] if lock.is_whole else ["lock"])
        assert [holder.pid for holder in lock_holders(lock.inode)] == [os.getpid()]
    assert "could not hold" in next(lock_doubts(Context())).seen


def test_another_lock_is_a_doubt_and_leaves_the_machine_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOCK_VARIABLE, str(tmp_path / "lock"))
    with hold_machine():
        [doubt] = lock_doubts(Context())
        assert "BAREHOP_LOCK named another lock" in doubt.seen


@pytest.mark.parametrize("planted", ["link", "directory", "pipe", "shared"])
def test_a_lock_file_that_somebody_prepared_is_not_followed(tmp_path: Path, planted: str) -> None:
    path, victim = tmp_path / "lock", tmp_path / "victim"
    victim.write_text("kept")
    if planted == "link":
        path.symlink_to(victim)
    elif planted == "directory":
        path.mkdir()
    elif planted == "pipe":
        os.mkfifo(path)
    else:
        path.hardlink_to(victim)
    with pytest.raises(MachineError), hold_machine(environment=environment(tmp_path, other=str(path))):
        pytest.fail("it was let in")
    assert victim.read_text() == "kept"


def kernel_with(top: Path, **files: int) -> Roots:
    """A /proc that shows these files of namespaces."""
    (top / "proc/self/ns").mkdir(parents=True)
    for name in files:
        (top / "proc/self/ns" / name).touch()
    return Roots(top)


def test_an_older_kernel_has_another_file_and_a_private_namespace_is_not_the_whole(tmp_path: Path) -> None:
    assert machine_lock(kernel_with(tmp_path / "none")) is None
    lock = machine_lock(kernel_with(tmp_path / "old", cgroup=1))
    assert lock
    assert (lock.path.name, lock.is_whole) == ("cgroup", False)
    assert list(NAMESPACE_FILES) == ["time", "cgroup"]


@pytest.mark.parametrize(
    ("is_held", "is_whole", "kinds"),
    [(True, True, 0), (True, False, 1), (False, True, 1), (None, True, 0)],
)
def test_only_the_lock_of_the_whole_machine_leaves_no_doubt(
    is_held: bool | None, is_whole: bool, kinds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = MachineLock(Path("lock"), 1, is_whole)
    monkeypatch.delenv(LOCK_VARIABLE, raising=False)
    monkeypatch.setattr("harness.observe.doubts.system.machine_lock", lambda _roots: lock)
    monkeypatch.setattr("harness.observe.doubts.system.holds_lock", lambda _inode, _roots: is_held)
    assert len(list(lock_doubts(Context()))) == kinds


@pytest.mark.parametrize(
    ("words", "ours"),
    [
        ("python -m harness run quick", True),
        ("/x/.venv/bin/python /x/.venv/bin/barehop run", True),
        ("python -m scripts.precision_study", True),
        ("flock /proc/self/ns/time sleep 1000", False),
        ("python3 /home/x/barehop/squat.py", False),
    ],
)
def test_a_run_is_known_by_its_command_line(words: str, ours: bool) -> None:
    assert is_measuring_command(words.split()) == ours
