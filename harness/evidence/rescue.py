"""Writes the files of a run into a new directory, after its own was removed."""

import shlex
import tempfile
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path

from harness.errors import MachineError

MAX_TRIES = 100


def rescue(contents: Mapping[str, bytes], lost: Path) -> tuple[Path, MachineError]:
    """Write `contents` by name into a new directory. Return it, and the error that explains what happened.

    Without a finished session there is nothing to rescue: return `lost`.
    """
    sessions = sum(name.startswith("sessions/") and name.endswith(".json") for name in contents)
    reason = f"{lost}, or a file in it, was removed or moved to another file system while barehop was measuring."
    if not sessions:
        return lost, MachineError(f"{reason} No session had been finished. Run the experiment again.")
    for parent in _parents(lost):
        try:
            directory = _write_files(contents, _create_directory(parent, lost.name))
        except OSError:
            continue
        finished = f"{sessions} finished session{'s are' if sessions > 1 else ' is'} now in {directory}"
        resume = f"barehop run --resume {shlex.quote(str(directory))}"
        return directory, MachineError(f"{reason} Its {finished}. Continue with: {resume}")
    return lost, MachineError(f"{reason} Its {sessions} finished sessions could not be written anywhere else.")


def _parents(lost: Path) -> Iterator[Path]:
    """Yield directories to try, the likeliest to be writable first."""
    yield lost.parent
    yield Path.cwd()
    yield Path(tempfile.gettempdir())


def _create_directory(parent: Path, name: str) -> Path:
    for number in count(1):
        directory = parent / f"{name}-rescued{f'-{number}' if number > 1 else ''}"
        try:
            directory.mkdir()
        except FileExistsError:
            if number == MAX_TRIES:
                raise
        else:
            break
    return directory


def _write_files(contents: Mapping[str, bytes], directory: Path) -> Path:
    (directory / "sessions").mkdir()
    for name, content in contents.items():
        (directory / name).write_bytes(content)
    return directory
