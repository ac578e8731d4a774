"""Reads what programs print, within limits of time and size, and keeps logs short."""

import ctypes
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MAX_OUTPUT_BYTES = 1024 * 1024
KEPT_BYTES = 256 << 10  # of the beginning, and as many of the end
MAX_LOG_BYTES = 16 << 20  # on disk, of a log that is still being written
TRIM_INTERVAL_S = 10.0
FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE = 1, 2  # linux/falloc.h


@dataclass(frozen=True, slots=True)
class ProgramOutput:
    """The exit code and the two outputs of a program."""

    code: int
    out: str
    err: str


class TooMuchOutputError(OSError):
    """The program prints more than MAX_OUTPUT_BYTES."""

    def __init__(self) -> None:
        super().__init__(0, f"it prints more than {MAX_OUTPUT_BYTES // 1024} KiB")


def read_output(
    command: Sequence[str], timeout_s: float, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> ProgramOutput:
    """Run `command` and return what it printed. Raises OSError, and TimeoutError after `timeout_s`.

    Processes that it started in its group are killed with it. Files in memory take its output, so that nothing waits
    for a child that holds it open.
    """
    with os.fdopen(os.memfd_create("out"), "w+b") as out, os.fdopen(os.memfd_create("err"), "w+b") as err:
        with subprocess.Popen(
            command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
        ) as process:
            try:
                with suppress(ProcessLookupError, PermissionError):
                    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (MAX_OUTPUT_BYTES + 1, MAX_OUTPUT_BYTES + 1))
                process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                raise TimeoutError from None
            finally:
                process.kill()  # it may have left its group
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        texts = [os.pread(file.fileno(), MAX_OUTPUT_BYTES + 1, 0) for file in (out, err)]
    if any(len(text) > MAX_OUTPUT_BYTES for text in texts):
        raise TooMuchOutputError
    return ProgramOutput(process.returncode, *(text.decode(errors="replace") for text in texts))


def make_log_trimmer(logs: Sequence[Path], each_s: float = TRIM_INTERVAL_S) -> Callable[[], None]:
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
    if not log.is_file() or log.stat().st_blocks * 512 <= MAX_LOG_BYTES:
        return
    with log.open("r+b") as file:
        length = os.fstat(file.fileno()).st_size - 2 * KEPT_BYTES
        fallocate = ctypes.CDLL(None).fallocate
        fallocate(file.fileno(), FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE, ctypes.c_long(KEPT_BYTES), ctypes.c_long(length))


def shorten_log(log: Path) -> None:
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


def read_log_end(log: Path, most_bytes: int = KEPT_BYTES) -> str:
    """Return the end of a log; "" where there is none."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - most_bytes))
        return file.read(most_bytes).decode(errors="replace")
