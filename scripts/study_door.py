"""What the studies' doors share: a directory that is theirs alone, and programs that end when they do."""

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import MachineError


def made(directory: Path | None, parent: Path) -> Path:
    """The directory, which is new or empty; None: one of this second's name in `parent`. Raises MachineError."""
    directory = directory or parent / datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(f"{directory} cannot be made: {error.strerror}. Give --out another directory.") from None
    if any(directory.iterdir()):
        raise MachineError(f"{directory} is not empty. Give --out another directory.")
    return directory.resolve()


def ending_with_us(argv: Sequence[str]) -> list[str]:
    """`argv`, told by the kernel to end when its parent is gone, however that went; util-linux has what it takes.

    A program that is not there stays as it is, for whoever starts it to tell.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", *argv] if setpriv and shutil.which(argv[0]) else list(argv)
