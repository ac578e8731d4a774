"""Read the results of earlier runs of `barehop floor`."""

from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import pyperf  # type: ignore[import-untyped] # it brings no types

from harness.errors import ConfigError
from harness.evidence.earlier import latest
from harness.evidence.reading import read_file
from harness.model import Floor, FloorRow

NAME = "floor"
WHOLE = "floor.pyperf.json"  # complete, with ordinary options
OTHER = "other.pyperf.json"  # interrupted, or with options that make it incomparable

SECONDS = "second"


def last_floor(results: Path, host: dict[str, Any], leave_out: Callable[[str], object] = str) -> Floor | None:
    """Return the latest floor under `results` from a host like this one; damaged files go to `leave_out`."""
    return latest(results / NAME, WHOLE, host, floor_of, leave_out)


def floor_of(path: Path) -> Floor:
    """Read the floor from pyperf's file; each worker process is a run. Raises ConfigError."""
    text = read_file(path).decode(errors="replace")
    try:
        return Floor(rows=tuple(_rows(pyperf.BenchmarkSuite.loads(text))))
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:  # pyperf's
        raise ConfigError(
            f"{path} is not a valid file of pyperf: {type(error).__name__}. Restore it, or remove it."
        ) from None


def _rows(suite: pyperf.BenchmarkSuite) -> Iterator[FloorRow]:
    for benchmark in suite.get_benchmarks():
        if benchmark.get_unit() == SECONDS:
            kind, transport, payload_bytes = benchmark.get_name().split(" ")
            runs_us = [1e6 * fmean(run.values) for run in benchmark.get_runs() if run.values]
            yield FloorRow(kind=kind, transport=transport, payload_bytes=int(payload_bytes), runs_us=tuple(runs_us))
