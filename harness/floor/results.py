"""What an earlier `barehop floor` found on this kind of host."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from statistics import fmean
from typing import Any

import pyperf  # type: ignore[import-untyped] # it brings no types

from harness.evidence.earlier import earlier
from harness.model import Floor, FloorRow

NAME = "floor"
WHOLE = "floor.pyperf.json"  # measured to the end, in the ordinary way
OTHER = "other.pyperf.json"  # cut off, or measured with options that make it another thing

SECONDS = "second"


def last_floor(results: Path, host: dict[str, Any]) -> Floor | None:
    """The latest under `results` that was made on this kind of host, and can be read."""
    for path in earlier(results / NAME, WHOLE, host):
        with suppress(OSError, ValueError, KeyError, TypeError):
            return floor_of(path)
    return None


def floor_of(path: Path) -> Floor:
    """From pyperf's file; a worker process is a run, and what the interval counts. Raises ValueError or KeyError."""
    return Floor(rows=tuple(_rows(pyperf.BenchmarkSuite.load(str(path)))))


def _rows(suite: pyperf.BenchmarkSuite) -> Iterator[FloorRow]:
    for benchmark in suite.get_benchmarks():
        if benchmark.get_unit() == SECONDS:
            kind, transport, payload_bytes = benchmark.get_name().split(" ")
            runs_us = [1e6 * fmean(run.values) for run in benchmark.get_runs() if run.values]
            yield FloorRow(kind=kind, transport=transport, payload_bytes=int(payload_bytes), runs_us=tuple(runs_us))
