"""Values of the whole machine, played by files: at whatever line a run is killed or interrupted, they come back."""

import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import pytest

from harness import plugins
from harness.errors import MachineError, StackError
from harness.model.plugins import FileText, FirstExistingFile, Knob
from harness.testbed.kernel import host_values, journal, restore
from harness.testbed.kernel.host_values import HostValueSwitch
from harness.testbed.kernel.host_values import switch_host_values as turned
from harness.testbed.kernel.journal import JOURNAL_FILE, open_journal, restore_journal, state_directory
from harness.testbed.kernel.knob_settings import KernelConfiguration, KnobSetting
from harness.testbed.machine.directories import STATE_VARIABLE
from harness.testbed.machine.procfs import HOST_ROOTS, Roots

Files = tuple[tuple[Path, bytes], ...]

AUTOGROUP = Path("/proc/sys/kernel/sched_autogroup_enabled")
KILLED = 9
BEFORE = {"budget": "300", "pages": "always [madvise] never", "cpus": "0-1"}


class Interruption(BaseException):
    """What a signal raises."""


@pytest.fixture
def values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    directory = tmp_path / "proc/sys/kernel"
    directory.mkdir(parents=True)
    for name, text in BEFORE.items():
        (directory / name).write_text(f"{text}\n")
    return directory


def roots_of(values: Path) -> Roots:
    """The machine whose values these are."""
    return Roots(values.parents[2])


def state() -> Path:
    return state_directory(os.environ)


def now(values: Path) -> dict[str, str]:
    """A file does not put brackets around a choice as the kernel does."""
    texts = {name: (values / name).read_text().strip() for name in BEFORE}
    return texts | ({"pages": BEFORE["pages"]} if texts["pages"] == "madvise" else {})


def machine_with(values: Path, *kernels: KernelConfiguration) -> AbstractContextManager[HostValueSwitch]:
    return turned(kernels, roots=roots_of(values))


def recovered(values: Path, roots: Roots | None = None) -> list[str]:
    """Every sentence of putting back."""
    found = restore_journal(state(), roots or roots_of(values))
    return [*found.restored, *found.problems]


def kernel(values: Path, budget: str, pages: str) -> KernelConfiguration:
    def of(*changes: FileText | FirstExistingFile) -> Knob:
        return Knob(help="A test.", scope="global", touches="both", problem=lambda _: None, changes=lambda _: changes)

    return KernelConfiguration(
        (
            KnobSetting(
                "budget", budget, of(FirstExistingFile((FileText("/no/such", "1"), FileText(f"{values}/bud*", budget))))
            ),
            KnobSetting("pages", pages, of(FileText(f"{values}/pages", pages, "choice"))),
        )
    )


def a_run(values: Path) -> None:
    """Back and forth between three kernels, as rounds do."""
    kernels = [KernelConfiguration(), kernel(values, "200", "never"), kernel(values, "100", "always")]
    with machine_with(values, *kernels) as switch:
        for one in (*kernels, *kernels):
            switch.switch_to(one)


@contextmanager
def at_every_line(act: Callable[[int], None]) -> Iterator[None]:
    """`act` before each line of the journal and of the switch, told how many that makes."""
    files, numbers = (journal.__file__, restore.__file__, host_values.__file__), count(1)

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in files:
            return None
        if event == "line":
            act(next(numbers))
        return trace

    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(None)


@contextmanager
def at_line(number: int, act: Callable[[], None]) -> Iterator[None]:
    with at_every_line(lambda reached: act() if reached == number else None):
        yield


def lines_of_a_run(values: Path) -> int:
    reached: list[int] = []
    with at_every_line(reached.append):
        a_run(values)
    assert len(reached) > 100
    return len(reached)


def on_disk(values: Path) -> Files:
    """What is left when the run is killed now: a kill takes buffers, locks and descriptors, and no file."""
    directories = [values, *filter(Path.is_dir, [state()])]
    return tuple((path, path.read_bytes()) for directory in directories for path in sorted(directory.iterdir()))


def leave(files: Files) -> None:
    for path in state().iterdir():
        path.unlink()
    for path, content in files:
        path.write_bytes(content)


def killed_at(number: int, values: Path) -> bool:
    """Whether a child was killed there; SIGKILL runs nothing more of it either."""
    child = os.fork()
    if child == 0:
        with at_line(number, lambda: os._exit(KILLED)):
            a_run(values)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == KILLED


def raise_interruption() -> None:
    raise Interruption


def test_a_run_changes_values_and_puts_them_back(values: Path) -> None:
    one = kernel(values, "200", "never")
    with machine_with(values, KernelConfiguration(), one) as switch:
        assert now(values) == BEFORE
        assert switch.switch_to(one) == {"budget": "200", "pages": "never"}
        assert now(values) == BEFORE | {"budget": "200", "pages": "never"}
        switch.switch_to(KernelConfiguration())
        assert now(values) == BEFORE
        switch.switch_to(one)
    assert now(values) == BEFORE
    assert not (state() / JOURNAL_FILE).exists()


def test_killed_at_any_line_the_next_start_puts_everything_back(values: Path) -> None:
    left: dict[Files, int] = {}

    def look(number: int) -> None:
        left.setdefault(on_disk(values), number)

    with at_every_line(look):
        a_run(values)
    changed = 0
    for files, number in left.items():
        leave(files)
        changed += now(values) != BEFORE
        told = recovered(values)
        assert now(values) == BEFORE, (number, told)
        assert not (state() / JOURNAL_FILE).exists()
        assert recovered(values) == []
    assert changed > 5


def test_what_a_killed_process_leaves_is_put_back(values: Path) -> None:
    chance, lines = random.Random(2), lines_of_a_run(values)
    for number in (chance.randint(1, lines) for _ in range(20)):
        assert killed_at(number, values), number
        recovered(values)
        assert now(values) == BEFORE, number


@pytest.mark.needs_root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_killed_at_random_moments_a_value_of_this_machine_is_put_back(values: Path) -> None:
    """A harmless one, which for a moment groups processes otherwise."""
    chance, before = random.Random(3), AUTOGROUP.read_text().strip()
    other = KernelConfiguration(
        (KnobSetting("sched.autogroup", 1 - int(before), plugins.table(Knob)["sched.autogroup"]),)
    )
    changed = 0
    for _ in range(20):
        child = os.fork()
        if child == 0:
            back_and_forth(other)
        time.sleep(chance.uniform(0, 0.05))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        changed += AUTOGROUP.read_text().strip() != before
        recovered(values, HOST_ROOTS)
        assert AUTOGROUP.read_text().strip() == before
        assert not (state() / JOURNAL_FILE).exists()
    assert changed


def back_and_forth(other: KernelConfiguration) -> NoReturn:
    """Run after run, until somebody ends it."""
    while True:
        with turned([KernelConfiguration(), other]) as switch:
            for _ in range(100):
                switch.switch_to(other)
                switch.switch_to(KernelConfiguration())


def test_a_hundred_random_interruptions_leave_everything_as_it_was(values: Path) -> None:
    chance, lines = random.Random(1), lines_of_a_run(values)
    for number in (chance.randint(1, lines) for _ in range(100)):
        with suppress(Interruption), at_line(number, raise_interruption):
            a_run(values)
        recovered(values)
        assert now(values) == BEFORE, number


def meddled_with(values: Path, then: Callable[[HostValueSwitch, KernelConfiguration], object]) -> None:
    """A run in whose middle somebody else makes the budget 250."""
    one, other = kernel(values, "200", "never"), kernel(values, "100", "never")
    with machine_with(values, one, other) as switch:
        switch.switch_to(one)
        (values / "budget").write_text("250")
        then(switch, other)


def test_a_value_that_somebody_else_has_given_is_reported_and_left_alone(values: Path) -> None:
    with pytest.raises(MachineError, match=r"Another process has set .*budget to 250; it was 300"):
        meddled_with(values, lambda _switch, _other: None)
    assert now(values) == BEFORE | {"budget": "250"}
    assert recovered(values) == []


def test_somebody_elses_value_is_noticed_before_it_is_written_over(values: Path) -> None:
    with pytest.raises(MachineError, match=r"Another process has set .*budget to 250, while a run had set it to 200"):
        meddled_with(values, lambda switch, other: switch.switch_to(other))
    assert now(values) == BEFORE | {"budget": "250"}


def fail(_switch: HostValueSwitch, _other: KernelConfiguration) -> None:
    raise StackError("nginx ended.")


def test_a_failure_and_a_foreign_value_are_told_together(values: Path) -> None:
    with pytest.raises(StackError, match=r"(?s)nginx ended.*Another process has set .*budget to 250"):
        meddled_with(values, fail)


def test_a_killed_runs_foreign_value_is_told_at_the_next_start(values: Path) -> None:
    assert killed_at(lines_of_a_run(values) // 2, values)
    (values / "budget").write_text("250")
    assert any("Another process has set" in sentence for sentence in recovered(values))
    assert now(values) == BEFORE | {"budget": "250"}


def test_after_another_boot_the_journal_is_dropped_and_nothing_written(values: Path, tmp_path: Path) -> None:
    assert killed_at(lines_of_a_run(values) // 2, values)
    left = now(values)
    (tmp_path / "other/proc/sys/kernel/random").mkdir(parents=True)
    (tmp_path / "other/proc/sys/kernel/random/boot_id").write_text("another")
    [sentence] = recovered(values, Roots(tmp_path / "other"))
    assert "rebooted after" in sentence
    assert now(values) == left
    assert not (state() / JOURNAL_FILE).exists()


def test_two_runs_at_once_the_second_is_refused(values: Path) -> None:
    one = kernel(values, "200", "never")
    with machine_with(values, one) as switch:
        switch.switch_to(one)
        with (
            pytest.raises(MachineError, match="Another run of barehop is changing values"),
            machine_with(values, one),
        ):
            pytest.fail("it was let in")
        with pytest.raises(MachineError, match="Another run of barehop is changing values"):
            recovered(values)
        assert now(values)["budget"] == "200"
    assert now(values) == BEFORE


@contextmanager
def full_disk() -> Iterator[None]:
    """No file can grow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_where_the_journal_cannot_be_written_nothing_is_changed(values: Path) -> None:
    sentence = r"cannot be written to .*: File too large. Nothing was changed"
    with (
        pytest.raises(MachineError, match=sentence),
        full_disk(),
        machine_with(values, kernel(values, "200", "never")),
    ):
        pytest.fail("it was let in")
    assert now(values) == BEFORE
    assert [path.name for path in state().iterdir()] == ["journal.lock"]


def test_where_there_is_no_place_for_the_journal_nothing_is_changed(values: Path, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with (
        pytest.raises(MachineError, match="Nothing was changed"),
        machine_with(values, kernel(values, "200", "never")),
    ):
        pytest.fail("it was let in")
    assert now(values) == BEFORE


def test_a_journal_that_is_none_is_left_for_somebody_to_look_at(values: Path) -> None:
    state().mkdir()
    (state() / JOURNAL_FILE).write_text("{}")
    (state() / JOURNAL_FILE).chmod(0o600)
    with pytest.raises(MachineError, match="is not a journal of barehop"):
        recovered(values)
    with pytest.raises(MachineError, match="Run barehop restore first"), open_journal(state(), ()):
        pytest.fail("it was let in")


def lose_a_file(values: Path) -> None:
    one = kernel(values, "200", "never")
    with machine_with(values, one) as switch:
        switch.switch_to(one)
        (values / "budget").rename(values / "away")


def test_a_value_that_cannot_be_put_back_stays_in_the_journal(values: Path) -> None:
    with pytest.raises(MachineError, match="cannot be set back to 300"):
        lose_a_file(values)
    assert (state() / JOURNAL_FILE).exists()
    (values / "away").rename(values / "budget")
    assert any("budget is 300 again" in sentence for sentence in recovered(values))
    assert now(values) == BEFORE


def test_where_the_journal_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert state_directory({"HOME": "/home/x"}) == Path("/home/x/.local/state/barehop")
    assert state_directory({"HOME": "/home/x", "XDG_STATE_HOME": "/s"}) == Path("/s/barehop")
    assert state_directory({STATE_VARIABLE: str(tmp_path)}) == tmp_path
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert state_directory({"HOME": "/root"}) == journal.ROOT_STATE_DIRECTORY
