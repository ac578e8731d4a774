"""What an earlier `barehop floor` found on this kind of host."""

from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import pyperf  # type: ignore[import-untyped] # it brings no types

from harness.evidence.earlier import latest
from harness.model import Floor, FloorRow

NAME, FILE = "floor", "pyperf.json"


def last_floor(results: Path, host: dict[str, Any]) -> Floor | None:
    """The latest under `results` that was made on this kind of host."""
    path = latest(results / NAME, FILE, host)
    return floor_of(path) if path else None


def floor_of(path: Path) -> Floor:
    """From pyperf's file; a worker process is a run, and what the interval counts."""
    return Floor(rows=tuple(_rows(pyperf.BenchmarkSuite.load(str(path)))))


def _rows(suite: pyperf.BenchmarkSuite) -> Iterator[FloorRow]:
    for benchmark in suite.get_benchmarks():
        kind, transport, payload_bytes = benchmark.get_name().split(" ")
        runs_us = [1e6 * fmean(run.values) for run in benchmark.get_runs() if run.values]
        yield FloorRow(kind=kind, transport=transport, payload_bytes=int(payload_bytes), runs_us=tuple(runs_us))
