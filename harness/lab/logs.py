"""Limits the log of a server to its beginning and its end, with a note of how much was cut."""

import ctypes
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

KEPT_BYTES = 256 << 10  # of the beginning, and as many of the end
MOST_BYTES = 16 << 20  # on disk, of a log that is still being written
TRIM_INTERVAL_S = 10.0
FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE = 1, 2  # linux/falloc.h


def emptier(logs: Sequence[Path], each_s: float = TRIM_INTERVAL_S) -> Callable[[], None]:
    """Return a function that frees the disk space of the middle of long `logs`, at most once in `each_s`."""
    last_s = time.monotonic()

    def empty() -> None:
        nonlocal last_s
        if time.monotonic() - last_s < each_s:
            return
        for log in logs:
            _trim(log)
        last_s = time.monotonic()

    return empty


def _trim(log: Path) -> None:
    """Punch a hole into the middle of a long log; its writer and its length are not affected.

    A file system without holes keeps it whole.
    """
    if not log.is_file() or log.stat().st_blocks * 512 <= MOST_BYTES:
        return
    with log.open("r+b") as file:
        length = os.fstat(file.fileno()).st_size - 2 * KEPT_BYTES
        fallocate = ctypes.CDLL(None).fallocate
        fallocate(file.fileno(), FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE, ctypes.c_long(KEPT_BYTES), ctypes.c_long(length))


def shorten(log: Path) -> None:
    """Cut the middle out of a long log and note there how much is missing. A log that is no regular file stays."""
    if not log.is_file() or (size := log.stat().st_size) <= 2 * KEPT_BYTES:
        return
    with log.open("r+b") as file:
        file.seek(size - KEPT_BYTES)
        end = file.read().partition(b"\n")[2]
        file.seek(KEPT_BYTES)
        missing = size - KEPT_BYTES - len(end)
        file.write(f"\n[barehop left out {missing} bytes of this log here]\n".encode() + end)
        file.truncate()


def tail(log: Path, most_bytes: int = KEPT_BYTES) -> str:
    """Return the end of a log; "" where there is none."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - most_bytes))
        return file.read(most_bytes).decode(errors="replace")
