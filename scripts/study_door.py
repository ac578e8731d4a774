"""Shared by the studies: an empty results directory, and child programs that end with their parent."""

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import MachineError


def made(directory: Path | None, parent: Path) -> Path:
    """Create `directory`, by default one in `parent` named after the time (UTC). Raises MachineError if not empty."""
    directory = directory or parent / datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(f"Cannot create {directory}: {error.strerror}. Give another --out.") from None
    if any(directory.iterdir()):
        raise MachineError(f"{directory} is not empty. Give another --out.")
    return directory.resolve()


def ending_with_us(argv: Sequence[str]) -> list[str]:
    """Return `argv`, wrapped so that the kernel sends it SIGTERM when the parent exits (setpriv of util-linux).

    A missing program is returned unchanged; starting it then fails with the usual error.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", *argv] if setpriv and shutil.which(argv[0]) else list(argv)
