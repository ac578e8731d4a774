"""Keeps the log of a server to a size that can be kept: its beginning and its end, and how much was between."""

import ctypes
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

KEPT_BYTES = 256 << 10  # of the beginning, and as many of the end
MOST_BYTES = 16 << 20  # on the disk, of a log that is still written
EACH_S = 10.0
KEEP_SIZE, PUNCH_HOLE = 1, 2  # flags of fallocate(2)


def emptier(logs: Sequence[Path], each_s: float = EACH_S) -> Callable[[], None]:
    """Return what gives the middle of long `logs` back to the disk when it is called, at most once in `each_s`."""
    last_s = time.monotonic()

    def empty() -> None:
        nonlocal last_s
        if time.monotonic() - last_s < each_s:
            return
        for log in logs:
            _empty(log)
        last_s = time.monotonic()

    return empty


def _empty(log: Path) -> None:
    """Make a hole of the middle of a long log. Whoever writes it notices nothing, and it is as long as before.

    A file system that has no holes keeps it as it is.
    """
    if not log.is_file() or log.stat().st_blocks * 512 <= MOST_BYTES:
        return
    with log.open("r+b") as file:
        length = os.fstat(file.fileno()).st_size - 2 * KEPT_BYTES
        fallocate = ctypes.CDLL(None).fallocate
        fallocate(file.fileno(), KEEP_SIZE | PUNCH_HOLE, ctypes.c_long(KEPT_BYTES), ctypes.c_long(length))


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
