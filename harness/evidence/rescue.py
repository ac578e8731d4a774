"""Writes what a run has measured into a new directory, after its own was removed."""

import shlex
import tempfile
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path

from harness.errors import MachineError

MOST_TRIES = 100


def rescue(contents: Mapping[str, bytes], lost: Path) -> tuple[Path, MachineError]:
    """Write `contents` by name into a new directory. Return it, and the error that says what happened.

    Without a finished session there is nothing to rescue, and `lost` is returned.
    """
    sessions = sum(name.startswith("sessions/") and name.endswith(".json") for name in contents)
    what = f"{lost}, or a file in it, was removed or moved to another file system while barehop was measuring."
    if not sessions:
        return lost, MachineError(f"{what} No session had been finished. Run the experiment again.")
    for parent in _parents(lost):
        try:
            place = _written(contents, _fresh(parent, lost.name))
        except OSError:
            continue
        done = f"{sessions} finished session{'s are' if sessions > 1 else ' is'} now in {place}"
        resume = f"barehop run --resume {shlex.quote(str(place))}"
        return place, MachineError(f"{what} Its {done}. Continue with: {resume}")
    return lost, MachineError(f"{what} Its {sessions} finished sessions could not be written anywhere else.")


def _parents(lost: Path) -> Iterator[Path]:
    """Directories in which there may be room for another, the likeliest first."""
    yield lost.parent
    yield Path.cwd()
    yield Path(tempfile.gettempdir())


def _fresh(parent: Path, name: str) -> Path:
    for number in count(1):
        place = parent / f"{name}-rescued{f'-{number}' if number > 1 else ''}"
        try:
            place.mkdir()
        except FileExistsError:
            if number == MOST_TRIES:
                raise
        else:
            break
    return place


def _written(contents: Mapping[str, bytes], place: Path) -> Path:
    (place / "sessions").mkdir()
    for name, content in contents.items():
        (place / name).write_bytes(content)
    return place
