"""While `running` is entered the command runs; afterwards nobody of it is there, whatever happened between."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from harness.errors import LoadError, MachineError, StackError
from harness.testbed.processes.process import SupervisedCommand, log_excerpt, own_pids, run_program, start_command
from tests.support.misbehaving_services import eventually, is_up, mark_of, marked, odd_command


class OddError(Exception):
    pass


@pytest.mark.parametrize(
    "habits", [(), ("late",), ("deaf",), ("family",), ("deaf", "family"), ("threads",), ("chatty", "family")]
)
def test_nobody_is_left_and_no_directory(tmp_path: Path, habits: tuple[str, ...]) -> None:
    private = (tmp_path / "one", tmp_path / "two")
    command = odd_command(tmp_path, *habits, directories=private)
    with start_command(command) as started:
        assert all(directory.is_dir() for directory in private)
        assert eventually(lambda: is_up(command))
        assert {started.supervisor.pid, started.main_pid()} <= marked(mark_of(command))
    assert marked(mark_of(command)) == set()
    assert not any(directory.exists() for directory in private)


def test_nobody_is_left_when_it_is_left_before_the_service_is_up(tmp_path: Path) -> None:
    command = odd_command(tmp_path, "late", "family", directories=(tmp_path / "private",))
    with start_command(command):
        pass
    assert marked(mark_of(command)) == set()
    assert not (tmp_path / "private").exists()


def test_an_exception_inside_goes_through_and_leaves_nobody(tmp_path: Path) -> None:
    command = odd_command(tmp_path, "deaf", "family", directories=(tmp_path / "private",))
    with pytest.raises(OddError), start_command(command):
        wait_and_fail(command)
    assert marked(mark_of(command)) == set()
    assert not (tmp_path / "private").exists()


def wait_and_fail(command: SupervisedCommand) -> None:
    assert eventually(lambda: is_up(command))
    raise OddError


def test_directories_are_for_their_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    private = tmp_path / "private"
    before = os.umask(0)
    try:
        with start_command(odd_command(tmp_path, directories=(private,))):
            assert private.stat().st_mode & 0o7777 == 0o700
    finally:
        os.umask(before)


def test_whatever_lies_in_a_directory_goes_and_what_links_lead_to_stays(tmp_path: Path) -> None:
    command = odd_command(tmp_path, "untidy", directories=(tmp_path / "private",))
    (tmp_path / "precious").touch()
    with start_command(command):
        assert eventually(lambda: is_up(command))
        assert (tmp_path / "private/a/b/file").exists()
    assert not (tmp_path / "private").exists()
    assert (tmp_path / "precious").exists()


def test_a_directory_that_is_there_already_is_refused_and_not_touched(tmp_path: Path) -> None:
    private = (tmp_path / "ours", tmp_path / "theirs", tmp_path / "third")
    private[1].mkdir()
    (private[1] / "precious").touch()
    command = odd_command(tmp_path, "journal", directories=private)
    with pytest.raises(StackError) as refused, start_command(command):
        pytest.fail("it was entered")
    assert str(refused.value) == f"odd could not be prepared:\n  {private[1]}: File exists"
    assert (private[1] / "precious").exists()
    assert not private[0].exists()
    assert not private[2].exists()
    assert not (tmp_path / "journal").exists()
    assert marked(mark_of(command)) == set()


def test_a_command_that_does_not_exist_is_a_sentence(tmp_path: Path) -> None:
    command = replace(odd_command(tmp_path, directories=(tmp_path / "private",)), argv=("/absent/server", "-v"))
    with start_command(command) as started:
        with pytest.raises(StackError) as ended:
            eventually(started.check)
        assert str(ended.value) == (
            f"odd ended with exit code 127. Its log, {command.log}, ends:\n  /absent/server: No such file or directory"
        )
    assert marked(mark_of(command)) == set()
    assert not (tmp_path / "private").exists()


def test_a_log_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    command = odd_command(tmp_path / "absent")
    with pytest.raises(MachineError, match=r"odd cannot be started: .*/absent/odd\.log: No such file or directory\."):
        start_command(command).__enter__()


def test_a_service_that_ends_early_says_why_without_a_traceback(tmp_path: Path) -> None:
    command = odd_command(tmp_path, "family", "failing")
    with start_command(command) as started:
        with pytest.raises(StackError) as ended:
            eventually(started.check)
        with pytest.raises(StackError, match="exit code 3"):
            started.main_pid()
        with pytest.raises(StackError, match="exit code 3"):
            started.worker_pids()
        assert marked(mark_of(command)) == set(), "its family outlived it"
    assert str(ended.value) == (
        f"odd ended with exit code 3. Its log, {command.log}, ends:\n  ValueError: no luck today"
    )


def test_a_service_that_is_killed_shows_the_signal_as_a_shell_does(tmp_path: Path) -> None:
    with start_command(odd_command(tmp_path, "crashing")) as started, pytest.raises(StackError, match="exit code 137"):
        eventually(started.check)


def test_a_log_that_is_full_keeps_nothing_from_being_put_back(tmp_path: Path) -> None:
    private = tmp_path / "private"
    command = replace(odd_command(tmp_path, directories=(private,)), argv=("/absent/server",), log=Path("/dev/full"))
    with start_command(command) as started:
        assert started.supervisor.wait() == 127
        assert not private.exists()
    assert marked(mark_of(command)) == set()


def test_a_log_tells_of_one_run_only(tmp_path: Path) -> None:
    command = odd_command(tmp_path, "failing")
    for _ in range(2):
        with start_command(command) as started:
            assert eventually(lambda: started.supervisor.poll() is not None)
    assert command.log.read_text().count("no luck today") == 1


def test_the_log_has_everything_while_the_service_runs(tmp_path: Path) -> None:
    command = odd_command(tmp_path, "chatty")
    with start_command(command):
        assert eventually(lambda: is_up(command))
        lines = command.log.read_text().splitlines()
    assert lines.count("word") == 2 << 20
    assert lines.count("the last word") == 2


def test_the_pid_is_the_services_own_even_when_it_left_orphans(tmp_path: Path) -> None:
    command = odd_command(tmp_path, "family")
    with start_command(command) as started:
        assert eventually(lambda: is_up(command))
        assert "misbehaving_service.py" in " ".join(psutil.Process(started.main_pid()).cmdline())
        assert psutil.Process(started.main_pid()).ppid() == started.supervisor.pid
        assert set(started.worker_pids()) < marked(mark_of(command)) - {started.main_pid(), started.supervisor.pid}
        assert marked(mark_of(command)) <= own_pids()


def test_every_thread_runs_where_the_service_was_put(tmp_path: Path) -> None:
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        pytest.skip("needs two CPUs")
    command = replace(odd_command(tmp_path, "threads", "family"), cpus=(allowed[-1],))
    with start_command(command):
        assert eventually(lambda: is_up(command))
        tasks = [int(task.name) for pid in marked(mark_of(command)) for task in Path(f"/proc/{pid}/task").iterdir()]
        assert len(tasks) >= 8
        assert {frozenset(os.sched_getaffinity(task)) for task in tasks} == {frozenset({allowed[-1]})}
    assert sorted(os.sched_getaffinity(0)) == allowed


def test_services_stop_in_the_reverse_order_of_their_start(tmp_path: Path) -> None:
    first, second = (odd_command(tmp_path, "journal", name=name) for name in ("first", "second"))
    with up(first), up(second):
        pass
    assert (tmp_path / "journal").read_text().splitlines() == ["first up", "second up", "second down", "first down"]


def test_when_the_second_service_cannot_start_the_first_is_stopped(tmp_path: Path) -> None:
    first = odd_command(tmp_path, "journal", name="first")
    second = odd_command(tmp_path, "journal", name="second", directories=(tmp_path,))
    with pytest.raises(StackError, match="second could not be prepared"), up(first), start_command(second):
        pytest.fail("it was entered")
    assert (tmp_path / "journal").read_text().splitlines() == ["first up", "first down"]
    assert marked(mark_of(first)) | marked(mark_of(second)) == set()


@contextmanager
def up(command: SupervisedCommand) -> Iterator[None]:
    with start_command(command):
        assert eventually(lambda: is_up(command))
        yield


def test_a_run_to_the_end_gives_the_exit_code_and_keeps_both_outputs(tmp_path: Path) -> None:
    script = "echo 'to you'; echo 'to me' >&2; pwd; exit 7"
    assert run_program(("/bin/sh", "-c", script), tmp_path, timeout_s=20) == 7
    assert (tmp_path / "stdout.txt").read_text() == f"to you\n{tmp_path}\n"
    assert (tmp_path / "stderr.txt").read_text() == "to me\n"


def test_arguments_reach_a_run_as_they_are(tmp_path: Path) -> None:
    odd = ("a b", "$HOME", "'\"`;", "")
    assert run_program(("/usr/bin/printf", "<%s>", *odd), tmp_path, timeout_s=20) == 0
    assert (tmp_path / "stdout.txt").read_text() == "".join(f"<{text}>" for text in odd)


def test_a_run_that_a_signal_ends_has_the_exit_code_of_a_shell(tmp_path: Path) -> None:
    assert run_program(("/bin/sh", "-c", "kill -SEGV $$"), tmp_path, timeout_s=20) == 128 + signal.SIGSEGV


def test_a_run_of_what_does_not_exist_fails_with_the_reason_on_standard_error(tmp_path: Path) -> None:
    assert run_program(("/absent/tool",), tmp_path, timeout_s=20) == 127
    assert "/absent/tool" in (tmp_path / "stderr.txt").read_text()


def test_a_run_that_takes_too_long_is_ended_with_all_its_family(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = odd_command(tmp_path, "deaf", "family")
    monkeypatch.setenv("BAREHOP_TEST_MARK", mark_of(command))
    with pytest.raises(LoadError) as late:
        run_program(command.argv, tmp_path, timeout_s=0.5)
    assert str(late.value) == f"{command.argv[0]} did not end within 0.5 s. See {tmp_path}."
    assert marked(mark_of(command)) == set()


def test_what_a_run_leaves_in_the_background_does_not_outlive_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = odd_command(tmp_path)
    monkeypatch.setenv("BAREHOP_TEST_MARK", mark_of(command))
    assert run_program(("/bin/sh", "-c", "sleep 3600 & setsid sleep 3600 & true"), tmp_path, timeout_s=20) == 0
    assert marked(mark_of(command)) == set()


def test_the_tail_of_a_log_leaves_out_frames_empty_lines_and_repetitions(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("one\n\ntwo\nTraceback (most recent call last):\n  File x\n    code\n    ^^^^\nKeyError: 'x'\n\n")
    assert log_excerpt(log, lines=2) == "  two\n  KeyError: 'x'"
    log.write_text("the reason\n" + "worker ended\n" * 20)
    assert log_excerpt(log) == "  the reason\n  worker ended"
    assert log_excerpt(tmp_path / "absent") == "  (nothing was logged)"


def test_a_log_in_an_unknown_encoding_still_has_a_tail(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"caf\xe9\n")
    assert log_excerpt(tmp_path / "log") == "  caf\N{REPLACEMENT CHARACTER}"


def test_a_service_in_a_directory_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    command = SupervisedCommand(name="lost", argv=("true",), log=tmp_path / "log", cwd=tmp_path / "absent")
    with pytest.raises(MachineError, match=r"lost cannot be started: .*absent: No such file or directory\."):
        start_command(command).__enter__()


def test_a_tool_that_prints_without_an_end_is_ended_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.testbed.processes.process.MAX_FILE_BYTES", 1 << 20)
    with pytest.raises(LoadError, match=r"yes writes more than 1 MiB into a file"):
        run_program(["yes"], tmp_path, 60)
    assert (tmp_path / "stdout.txt").stat().st_size <= 1 << 20


def test_a_keeper_that_says_nothing_is_waited_for_so_long_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = tmp_path / "silent.py"
    silent.write_text("import sys, time\nprint('stuck', file=sys.stderr, flush=True)\nsys.stdin.read()\n")
    monkeypatch.setattr("harness.testbed.processes.process.MAX_PREPARE_S", 1.0)
    monkeypatch.setattr("harness.testbed.processes.process.supervisor_program.__file__", str(silent))
    command = odd_command(tmp_path)
    with pytest.raises(MachineError, match=r"odd was not started within 1 s\.[^\n]*ends:\n  stuck"):
        start_command(command).__enter__()
    assert marked(mark_of(command)) == set()
