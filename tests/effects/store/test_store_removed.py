"""A results directory that is renamed, removed or replaced while it is in use, and file systems that refuse calls."""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import MachineError
from harness.files import flush_directory, flush_file
from harness.store.files import requests_table
from harness.store.store import Store, create_results_directory, open_store
from tests.support.small_results import plan, record, visit
from tests.support.stored_sessions import read_requests

SHIM = """
#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
int fsync(int fd) {
    struct stat s;
    if (fstat(fd, &s) == 0 && S_ISDIR(s.st_mode)) { errno = EINVAL; return -1; }
    return syscall(SYS_fsync, fd);
}
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """The store of a run with a plan and a finished session."""
    made = Store(create_results_directory(tmp_path, "x", tmp_path / "run"))
    made.hold()
    made.write_text("experiment.toml", "# as it was\n")
    made.write_plan(plan())
    made.write_session(record(1), requests_table([visit()]))
    return made


def write(store: Store, session: int) -> None:
    store.write_session(record(session), requests_table([visit(session)]))


def test_a_renamed_directory_is_followed(store: Store, tmp_path: Path) -> None:
    store.directory.rename(tmp_path / "renamed")
    write(store, 2)
    assert store.directory == tmp_path / "renamed"
    assert store.session_numbers() == [1, 2]
    assert not (tmp_path / "run").exists()


def test_a_directory_that_takes_the_place_of_a_renamed_one_stays_empty(store: Store, tmp_path: Path) -> None:
    store.directory.rename(tmp_path / "renamed")
    (tmp_path / "run").mkdir()
    write(store, 2)
    assert list((tmp_path / "run").iterdir()) == []
    assert store.session_numbers() == [1, 2]


def remove_all(directory: Path) -> None:
    shutil.rmtree(directory)


def remove_and_make_anew(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.mkdir()


def remove_sessions(directory: Path) -> None:
    shutil.rmtree(directory / "sessions")


def remove_a_record(directory: Path) -> None:
    (directory / "sessions/0001.json").unlink()


def remove_the_plan(directory: Path) -> None:
    (directory / "plan.json").unlink()


@pytest.mark.parametrize(
    "remove",
    [remove_all, remove_and_make_anew, remove_sessions, remove_a_record, remove_the_plan],
    ids=lambda remove: remove.__name__,
)
def test_what_was_measured_is_in_a_new_directory_after_files_were_removed(
    store: Store, tmp_path: Path, remove: Callable[[Path], None]
) -> None:
    remove(store.directory)
    with pytest.raises(MachineError) as removed:
        write(store, 2)
    rescued = tmp_path / "run-rescued"
    assert f"{tmp_path}/run, or a file in it, was removed" in str(removed.value)
    assert f"Its 2 finished sessions are now in {rescued}." in str(removed.value)
    assert store.directory == rescued
    assert store.session_numbers() == [1, 2]
    found = open_store(rescued)
    assert found.read_plan() == store.read_plan()
    assert [len(read_requests(found, session)) for session in found.session_numbers()] == [2, 2]
    assert (rescued / "experiment.toml").read_text() == "# as it was\n"


def test_a_removed_directory_is_noticed_before_the_next_session(store: Store) -> None:
    shutil.rmtree(store.directory)
    with pytest.raises(MachineError, match=r"Its 1 finished session is now in .*run-rescued\. Continue with: "):
        store.follow()


def test_before_the_first_session_there_is_nothing_to_rescue(tmp_path: Path) -> None:
    store = Store(create_results_directory(tmp_path, "x", tmp_path / "run"))
    store.hold()
    shutil.rmtree(store.directory)
    with pytest.raises(MachineError, match=r"No session had been finished\. Run the experiment again\."):
        store.write_plan(plan())
    assert list(tmp_path.iterdir()) == []


def test_sessions_of_a_resumed_run_are_rescued_too(store: Store, tmp_path: Path) -> None:
    again = open_store(store.directory)
    again.hold()
    shutil.rmtree(store.directory)
    with pytest.raises(MachineError, match="2 finished sessions are now in"):
        write(again, 2)
    assert open_store(tmp_path / "run-rescued").session_numbers() == [1, 2]


def refusing(code: int) -> Callable[[int], None]:
    def fsync(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    return fsync


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_system_that_cannot_flush_a_directory_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(os, "fsync", refusing(code))
    flush_directory(tmp_path)


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_every_other_failure_to_flush_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(os, "fsync", refusing(code))
    with pytest.raises(OSError, match=os.strerror(code)):
        flush_directory(tmp_path)
    with pytest.raises(OSError, match=os.strerror(code)):
        flush_file(tmp_path / "file")


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_sessions_are_written_where_fsync_of_a_directory_gives_einval(tmp_path: Path) -> None:
    (tmp_path / "shim.c").write_text(SHIM)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "shim.so", tmp_path / "shim.c"], check=True)
    code = (
        "import os, sys; from pathlib import Path; from harness.files import _flush\n"
        "from harness.store.files import requests_table\n"
        "from harness.store.store import Store, create_results_directory\n"
        "from tests.support.small_results import record, visit\n"
        "store = Store(create_results_directory(Path('.'), 'x', Path(sys.argv[1])))\n"
        "store.write_session(record(1), requests_table([visit()]))\n"
        "try: _flush(store.directory, os.O_RDONLY)\n"
        "except OSError as error: print(error.errno, store.session_numbers())\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "LD_PRELOAD": str(tmp_path / "shim.so")}
    command = [sys.executable, "-c", code, str(tmp_path / "run")]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout == f"{errno.EINVAL} [1]\n"


@pytest.mark.parametrize("code", [errno.EEXIST, errno.EPERM, errno.ENOTSUP])
def test_a_report_takes_the_place_of_the_old_one_where_rename_does_not_replace(
    store: Store, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(_path: Path, _target: Path) -> None:
        raise OSError(code, os.strerror(code))

    store.write_text("report.html", "old")
    monkeypatch.setattr(Path, "replace", refuse)
    store.write_text("report.html", "new")
    assert (store.directory / "report.html").read_text() == "new"
