"""Runs a short program and reads what it prints, with limits of time and size."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MOST_BYTES = 1024 * 1024
PIECE_BYTES = 65536
POLL_S = 0.05  # whether the program has ended while a child of it holds its output open


@dataclass(frozen=True, slots=True)
class Output:
    """The exit code and the two outputs of a program."""

    code: int
    out: str
    err: str


class TooMuchOutputError(OSError):
    """The program prints more than MOST_BYTES."""

    def __init__(self) -> None:
        super().__init__(0, f"it prints more than {MOST_BYTES // 1024} KiB")


def read_output(
    command: Sequence[str], timeout_s: float, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Output:
    """Run `command` and return what it printed. Raises OSError, and TimeoutError after `timeout_s`.

    Processes that it started in its group are killed with it.
    """
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            texts = _read_streams(process, time.monotonic() + timeout_s)
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
        finally:
            process.kill()  # it may have left its group
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    out, err = (text.decode(errors="replace") for text in texts)
    return Output(process.returncode, out, err)


def _read_streams(process: subprocess.Popen[bytes], deadline_s: float) -> tuple[bytearray, bytearray]:
    assert process.stdout is not None
    assert process.stderr is not None
    texts: Mapping[int, bytearray] = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    with selectors.DefaultSelector() as selector:
        for descriptor in texts:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            if time.monotonic() > deadline_s:
                raise TimeoutError
            ready = selector.select(POLL_S)
            if not ready and process.poll() is not None:
                break
            for key, _ in ready:
                _read_piece(key.fd, texts[key.fd], selector)
    out, err = texts.values()
    return out, err


def _read_piece(descriptor: int, text: bytearray, selector: selectors.BaseSelector) -> None:
    piece = os.read(descriptor, PIECE_BYTES)
    text += piece
    if not piece:
        selector.unregister(descriptor)
    if len(text) > MOST_BYTES:
        raise TooMuchOutputError
