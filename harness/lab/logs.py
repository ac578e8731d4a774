"""Keeps the log of a server that has ended to a size that can be kept: its beginning, its end, and what was between."""

import os
from pathlib import Path

KEPT_BYTES = 256 << 10  # of the beginning, and as many of the end


def shorten(log: Path) -> None:
    """Cut the middle out of a long log; it says itself how much is missing. A log that is no plain file stays."""
    if not log.is_file() or (size := log.stat().st_size) <= 2 * KEPT_BYTES:
        return
    with log.open("r+b") as file:
        file.seek(size - KEPT_BYTES)
        end = file.read().partition(b"\n")[2]
        file.seek(KEPT_BYTES)
        left_out = size - KEPT_BYTES - len(end)
        file.write(f"\n[barehop left out {left_out} bytes of this log here]\n".encode() + end)
        file.truncate()


def tail(log: Path, most_bytes: int = KEPT_BYTES) -> str:
    """The end of a log, however long it is; nothing where there is none."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - most_bytes))
        return file.read(most_bytes).decode(errors="replace")
