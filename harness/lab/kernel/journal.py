"""Before a value of the whole machine is changed, what was there is on disk; it is put back however a run ends.

The journal of the changes is a file that is there as long as anything may be changed: it is written whole before the
first change (beside, fsync, rename, fsync of the directory) and removed after the last value is back.
"""

import fcntl
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from harness.errors import HarnessError, MachineError, raise_all
from harness.flushing import flush_directory
from harness.lab.kernel.entries import Entry, Problem, fault_of_entry, is_back, put_back
from harness.lab.kernelfiles import HERE, Roots, read
from harness.lab.private_files import STATE_VARIABLE, UnsafeError, private_directory, private_file, read_private
from harness.model.words import Model

BOOTED = "The machine was booted since a run was killed, so what that had changed is gone with the boot."
JOURNAL, LOCK = "journal.json", "journal.lock"
FOR_ROOT = Path("/var/lib/barehop")
OVERRIDE = STATE_VARIABLE


class BusyError(MachineError):
    """Another process has changed values, and goes on."""


class Journal(Model):
    """What the run of one boot may have changed."""

    boot: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Recovery:
    """Sentences on values that are `back`, and on those that are not as they were."""

    back: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    def __add__(self, other: "Recovery") -> "Recovery":
        return Recovery((*self.back, *other.back), (*self.problems, *other.problems))


def state_directory(environment: Mapping[str, str]) -> Path:
    """Where the journal lies: root's for the machine, or the user's own."""
    if named := environment.get(OVERRIDE):
        return Path(named)
    if os.geteuid() == 0:
        return FOR_ROOT
    home = Path(environment.get("HOME", "/"))
    return Path(environment.get("XDG_STATE_HOME") or home / ".local/state") / "barehop"


@contextmanager
def journaled(directory: Path, entries: Sequence[Entry], roots: Roots = HERE) -> Iterator[None]:
    """Inside, the files of `entries` may be given the values that are ours; afterwards they are as before.

    MachineError before anything is changed where the journal cannot be written or another run has one, and afterwards
    where somebody else has changed a value, which is left alone. Who is interrupted hears of that at the next start.
    """
    with _held(directory):
        if (directory / JOURNAL).exists():
            raise MachineError(
                f"{directory / JOURNAL} tells of an earlier run, whose values are not all back. Run barehop restore "
                "first: it says what to type where it cannot finish."
            )
        _write(directory, Journal(boot=_boot(roots), entries=tuple(entries)))
        problems: list[Problem] = []
        try:
            try:
                yield
            finally:
                problems += put_back(entries)
                if not problems:
                    _remove(directory)
        except HarnessError as error:
            raise type(error)("\n".join([str(error), *_told(directory, problems)])) from error
        raise_all(_told(directory, problems), MachineError)


def recover(directory: Path, roots: Roots = HERE) -> Recovery:
    """Put back what a killed run has left, if any. MachineError while that run goes on, or where nothing can be read.

    A journal that is not this user's alone is refused, and so are files in it that are no values of the kernel.
    """
    if not os.path.lexists(directory / JOURNAL):
        return Recovery()
    with _held(directory):
        journal = _read(directory / JOURNAL)
        if journal is None:
            return Recovery()
        if journal.boot != _boot(roots):
            _remove(directory)
            return Recovery(back=(BOOTED,))
        _check(directory / JOURNAL, journal, roots)
        problems = put_back(journal.entries)
        back = [
            f"{entry.path} is {entry.before} again, as it was before a run that was killed."
            for entry in journal.entries
            if is_back(entry)
        ]
        return Recovery(tuple(back), tuple(_told(directory, problems)))


def _told(directory: Path, problems: Sequence[Problem]) -> list[str]:
    """The journal goes when every value is back, or foreign and told; it stays where there is something to put back."""
    sentences = [problem.sentence for problem in problems]
    if not any(problem.stays for problem in problems):
        _remove(directory)
        return sentences
    return [*sentences, f"To leave that as it is and go on without it: rm {shlex.quote(str(directory / JOURNAL))}"]


def _check(path: Path, journal: Journal, roots: Roots) -> None:
    """Raises UnsafeError with everything in the journal that no run writes; nothing is written to any file then."""
    faults = [fault for entry in journal.entries if (fault := fault_of_entry(entry, roots))]
    if faults:
        raise UnsafeError(
            f"{path} was not written by a run of barehop: {'; '.join(faults)}. Nothing was changed. Look at it, then "
            "remove it."
        )


@contextmanager
def _held(directory: Path) -> Iterator[None]:
    """One at a time; the kernel lets go with the process that holds it. Raises UnsafeError where others could write."""
    with ExitStack() as until_the_end:
        try:
            private_directory(directory)
            lock = until_the_end.enter_context(private_file(directory / LOCK, os.O_RDWR | os.O_CREAT))
        except OSError as error:
            raise MachineError(_not_written(directory, error)) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(
                "Another run of barehop is changing values of this machine. Wait until it has ended."
            ) from None
        yield


def _write(directory: Path, journal: Journal) -> None:
    beside = directory / f"{JOURNAL}.new"
    try:
        beside.unlink(missing_ok=True)  # of a run that was killed while it wrote
        with private_file(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as descriptor:
            with open(descriptor, "w", encoding="utf-8", closefd=False) as file:
                file.write(journal.model_dump_json(indent=1))
            os.fsync(descriptor)
        beside.rename(directory / JOURNAL)
        flush_directory(directory)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise MachineError(_not_written(directory, error)) from None


def _remove(directory: Path) -> None:
    (directory / JOURNAL).unlink(missing_ok=True)
    flush_directory(directory)


def _read(path: Path) -> Journal | None:
    """None where another process has just put everything back."""
    try:
        return Journal.model_validate_json(read_private(path))
    except FileNotFoundError:
        return None
    except ValidationError:
        raise MachineError(f"{path} is not a journal of barehop's. Look at it, then remove it.") from None


def _not_written(directory: Path, error: OSError) -> str:
    return (
        f"The journal of what is changed cannot be written to {directory}: {error.strerror}. Nothing was changed. "
        f"Make room or name another directory with {OVERRIDE}."
    )


def _boot(roots: Roots) -> str:
    return read(roots.proc / "sys/kernel/random/boot_id") or "unknown"
