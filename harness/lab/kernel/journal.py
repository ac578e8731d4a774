"""Before a value of the whole machine is changed, what was there is on disk; it is put back however a run ends.

The journal of the changes is a file that is there as long as anything may be changed: it is written whole before the
first change (beside, fsync, rename, fsync of the directory) and removed after the last value is back.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from harness.errors import HarnessError, MachineError, raise_all
from harness.lab.kernel.turning import normal
from harness.lab.kernelfiles import HERE, Roots, read
from harness.lab.private_files import STATE_VARIABLE
from harness.model.knobs import Form
from harness.model.words import Model

JOURNAL, LOCK = "journal.json", "journal.lock"
FOR_ROOT = Path("/var/lib/barehop")
OVERRIDE = STATE_VARIABLE


class BusyError(MachineError):
    """Another process has changed values, and goes on."""


class Entry(Model):
    """A file: the text that makes it as it was `before`, and every value that is `ours`, in its normal form."""

    path: str
    form: Form
    before: str
    ours: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a value is not as it was. `stays`: it is ours still, and has to be put back later."""

    sentence: str
    stays: bool


class Journal(Model):
    """What the run of one boot may have changed."""

    boot: str
    entries: tuple[Entry, ...]


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
            raise MachineError(f"{directory / JOURNAL} tells of an earlier run. Run barehop restore first.")
        _write(directory, Journal(boot=_boot(roots), entries=tuple(entries)))
        problems: list[Problem] = []
        try:
            try:
                yield
            finally:
                problems += _put_back(entries)
                if not problems:
                    _remove(directory)
        except HarnessError as error:
            raise type(error)("\n".join([str(error), *_told(directory, problems)])) from error
        raise_all(_told(directory, problems), MachineError)


def recovered(directory: Path, roots: Roots = HERE) -> list[str]:
    """Put back what a killed run has left, if any; a sentence for each value. MachineError while that run goes on."""
    if not (directory / JOURNAL).exists():
        return []
    with _held(directory):
        journal = _read(directory / JOURNAL)
        if journal is None:
            return []
        if journal.boot != _boot(roots):
            _remove(directory)
            return ["The machine was booted since a run was killed, so what that had changed is gone with the boot."]
        problems = _put_back(journal.entries)
        back = [
            f"{entry.path} is {entry.before} again, as it was before a run that was killed."
            for entry in journal.entries
            if _is_back(entry)
        ]
        return [*back, *_told(directory, problems)]


def entry_of(path: str, form: Form, texts: Iterable[str]) -> Entry:
    """The file as it is now, and the texts that it may be given. Raises OSError."""
    text = Path(path).read_text().strip()
    before = normal(text, form) if form == "choice" else text
    return Entry(path=path, form=form, before=before, ours=tuple(dict.fromkeys(normal(each, form) for each in texts)))


def value_of(path: str, form: Form) -> str:
    """What the file holds now, in its normal form. Raises OSError."""
    return normal(Path(path).read_text(), form)


def _told(directory: Path, problems: Sequence[Problem]) -> list[str]:
    """The journal goes when every value is back, or foreign and told; it stays where there is something to put back."""
    if not any(problem.stays for problem in problems):
        _remove(directory)
    return [problem.sentence for problem in problems]


def _put_back(entries: Sequence[Entry]) -> list[Problem]:
    """In the opposite order."""
    return [problem for entry in reversed(entries) if (problem := _put_one_back(entry))]


def _put_one_back(entry: Entry) -> Problem | None:
    before = normal(entry.before, entry.form)
    try:
        now = value_of(entry.path, entry.form)
        if now == before:
            return None
        if now not in entry.ours:
            sentence = (
                f"Somebody else has made {entry.path} {now}, which was {before} before this run and never {now} in it. "
                "It is left as it is."
            )
            return Problem(sentence, stays=False)
        Path(entry.path).write_text(entry.before)
    except OSError as error:
        sentence = f"{entry.path} cannot be made {before} again: {error.strerror}. Run barehop restore as root."
        return Problem(sentence, stays=True)
    return None


def _is_back(entry: Entry) -> bool:
    try:
        return value_of(entry.path, entry.form) == normal(entry.before, entry.form)
    except OSError:
        return False


@contextmanager
def _held(directory: Path) -> Iterator[None]:
    """One at a time; the kernel lets go with the process that holds it."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise MachineError(_not_written(directory, error)) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise BusyError("Another run of barehop is changing values of this machine. Wait until it has ended.") from None
    finally:
        os.close(lock)


def _write(directory: Path, journal: Journal) -> None:
    beside = directory / f"{JOURNAL}.new"
    try:
        with beside.open("w") as file:
            file.write(journal.model_dump_json(indent=1))
            file.flush()
            os.fsync(file.fileno())
        beside.rename(directory / JOURNAL)
        _sync(directory)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise MachineError(_not_written(directory, error)) from None


def _remove(directory: Path) -> None:
    (directory / JOURNAL).unlink(missing_ok=True)
    _sync(directory)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> Journal | None:
    """None where another process has just put everything back."""
    try:
        return Journal.model_validate_json(path.read_bytes())
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
