"""A visitor of a small process that burns CPU time for each byte that it is sent, then answers."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter_ns

from harness.load.burst import Burst, BurstRecorder, Exchange
from harness.load.visits import Visitor

ECHO = "import os, zlib\nwhile line := os.read(0, 1): zlib.crc32(bytes(1_000_000)), os.write(1, line)"


@contextmanager
def start_echo() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-c", ECHO], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        yield process
        assert process.stdin
        process.stdin.close()


def visitor_of(process: subprocess.Popen[bytes], arm: str) -> Visitor:
    def send(settle: int, timed: int, _round: int) -> Burst:
        assert process.stdin
        assert process.stdout
        recorder = BurstRecorder(timed)
        for position in range(-settle, timed):
            time.sleep(0.001)  # until the process sleeps, too
            start_ns = perf_counter_ns()
            process.stdin.write(b"x")
            process.stdout.read(1)
            recorder.add(position, Exchange(start_ns, perf_counter_ns(), None))
        return recorder.burst()

    return Visitor(arm=arm, send=send, cpu=lambda: {"app": 0})
