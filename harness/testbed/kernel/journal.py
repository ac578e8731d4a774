"""The undo log of kernel values: on disk before the first change, removed after the last value is restored.

It is written whole (beside, fsync, rename, fsync of the directory). After a crash the next start restores from it
(restore.py writes the values).
"""

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from harness.errors import HarnessError, MachineError, raise_if_any
from harness.files import flush_directory
from harness.model.base import JsonModel
from harness.testbed.kernel.restore import JournalEntry, RestoreProblem, entry_fault, restore_entries
from harness.testbed.machine.directories import (
    STATE_VARIABLE,
    UnsafeError,
    make_private_directory,
    open_private_file,
    read_private,
    try_lock,
)
from harness.testbed.machine.procfs import HOST_ROOTS, Roots, read_text

REBOOTED = "The machine was rebooted after a run was killed, so the changes of that run are gone."
JOURNAL_FILE, LOCK_FILE = "journal.json", "journal.lock"
ROOT_STATE_DIRECTORY = Path("/var/lib/barehop")


class BusyError(MachineError):
    """Another process is changing values at this moment."""


class Journal(JsonModel):
    """The values that the run of one boot may have changed."""

    boot: str
    entries: tuple[JournalEntry, ...]


@dataclass(frozen=True, slots=True)
class Recovery:
    """The result of a recovery: sentences on values that are `restored`, and on those that are not as they were."""

    restored: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    def __add__(self, other: "Recovery") -> "Recovery":
        """Return both results together."""
        return Recovery((*self.restored, *other.restored), (*self.problems, *other.problems))


def state_directory(environment: Mapping[str, str]) -> Path:
    """Return the directory of the journal: root's for the machine, else the user's own."""
    if path := environment.get(STATE_VARIABLE):
        return Path(path)
    if os.geteuid() == 0:
        return ROOT_STATE_DIRECTORY
    home = Path(environment.get("HOME", "/"))
    return Path(environment.get("XDG_STATE_HOME") or home / ".local/state") / "barehop"


@contextmanager
def open_journal(directory: Path, entries: Sequence[JournalEntry], roots: Roots = HOST_ROOTS) -> Iterator[None]:
    """Write the journal, let the body change the files of `entries`, restore them afterwards.

    Raises MachineError before any change where the journal cannot be written or an earlier one is left; afterwards
    where another process has changed a value, which is left alone.
    """
    with _hold_directory(directory):
        if (directory / JOURNAL_FILE).exists():
            raise MachineError(
                f"{directory / JOURNAL_FILE} is of an earlier run, and not all its values are restored. Run barehop "
                "restore first; it prints what it cannot do itself."
            )
        _write_journal(directory, Journal(boot=_boot_id(roots), entries=tuple(entries)))
        problems: list[RestoreProblem] = []
        try:
            try:
                yield
            finally:
                problems += restore_entries(entries)
                if not problems:
                    _remove_journal(directory)
        except HarnessError as error:
            raise type(error)("\n".join([str(error), *_finish(directory, problems)])) from error
        raise_if_any(_finish(directory, problems), MachineError)


def restore_journal(directory: Path, roots: Roots = HOST_ROOTS) -> Recovery:
    """Restore what a killed run has left. Raises MachineError while it still runs, or where the journal is unreadable.

    A journal that other users could write is refused, and so are files in it that are no kernel values.
    """
    if not os.path.lexists(directory / JOURNAL_FILE):
        return Recovery()
    with _hold_directory(directory):
        try:
            journal = Journal.model_validate_json(read_private(directory / JOURNAL_FILE))
        except FileNotFoundError:  # another process has just restored everything
            return Recovery()
        except ValidationError:
            raise MachineError(
                f"{directory / JOURNAL_FILE} is not a journal of barehop. Examine it, then remove it."
            ) from None
        if journal.boot != _boot_id(roots):
            _remove_journal(directory)
            return Recovery(restored=(REBOOTED,))
        if faults := [fault for entry in journal.entries if (fault := entry_fault(entry, roots))]:
            raise UnsafeError(
                f"{directory / JOURNAL_FILE} was not written by a run of barehop: {'; '.join(faults)}. Nothing was "
                "changed. Examine it, then remove it."
            )
        problems = restore_entries(journal.entries)
        restored = [entry for entry in journal.entries if entry.is_restored()]
        sentences = (
            f"{entry.path} is {entry.before} again, as it was before a run that was killed." for entry in restored
        )
        return Recovery(tuple(sentences), tuple(_finish(directory, problems)))


def _finish(directory: Path, problems: Sequence[RestoreProblem]) -> list[str]:
    """Return a sentence for each problem. Remove the journal unless a value must still be restored."""
    sentences = [problem.sentence for problem in problems]
    if not any(problem.must_stay for problem in problems):
        _remove_journal(directory)
        return sentences
    return [
        *sentences,
        f"To leave these values and continue without the journal: rm {shlex.quote(str(directory / JOURNAL_FILE))}",
    ]


@contextmanager
def _hold_directory(directory: Path) -> Iterator[None]:
    """Hold the lock of the journal. Raises BusyError, and UnsafeError where other users could write."""
    with ExitStack() as exit_stack:
        try:
            make_private_directory(directory)
            lock = exit_stack.enter_context(open_private_file(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT))
        except OSError as error:
            raise MachineError(_unwritable(directory, error)) from None
        if not try_lock(lock):
            raise BusyError("Another run of barehop is changing values of this machine. Wait until it has ended.")
        yield


def _write_journal(directory: Path, journal: Journal) -> None:
    beside = directory / f"{JOURNAL_FILE}.new"
    try:
        beside.unlink(missing_ok=True)  # left by a run that was killed while writing
        with open_private_file(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as descriptor:
            with open(descriptor, "w", encoding="utf-8", closefd=False) as file:
                file.write(journal.model_dump_json(indent=1))
            os.fsync(descriptor)
        beside.rename(directory / JOURNAL_FILE)
        flush_directory(directory)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise MachineError(_unwritable(directory, error)) from None


def _remove_journal(directory: Path) -> None:
    (directory / JOURNAL_FILE).unlink(missing_ok=True)
    flush_directory(directory)


def _unwritable(directory: Path, error: OSError) -> str:
    return (
        f"The journal of changed values cannot be written to {directory}: {error.strerror}. Nothing was changed. "
        f"Free some space, or set {STATE_VARIABLE} to another directory."
    )


def _boot_id(roots: Roots) -> str:
    return read_text(roots.proc / "sys/kernel/random/boot_id") or "unknown"
