"""Read the results of earlier runs of `barehop floor`."""

from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean

import pyperf  # type: ignore[import-untyped] # it brings no types

from harness.errors import ConfigError
from harness.model import FloorResults, FloorRow
from harness.model.facts import HostFacts
from harness.store.files import read_file
from harness.store.history import read_latest

FLOOR_DIRECTORY = "floor"
COMPLETE_FILE = "floor.pyperf.json"  # complete, with ordinary options
PARTIAL_FILE = "other.pyperf.json"  # interrupted, or with options that make it incomparable

SECONDS_UNIT = "second"


def last_floor(results: Path, host: HostFacts, leave_out: Callable[[str], object] = str) -> FloorResults | None:
    """Return the latest floor under `results` from a host like this one; damaged files go to `leave_out`."""
    return read_latest(results / FLOOR_DIRECTORY, COMPLETE_FILE, host, read_floor, leave_out)


def read_floor(path: Path) -> FloorResults:
    """Read the floor from pyperf's file; each worker process is a run. Raises ConfigError."""
    text = read_file(path).decode(errors="replace")
    try:
        return FloorResults(rows=tuple(_rows(pyperf.BenchmarkSuite.loads(text))))
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:  # pyperf's
        raise ConfigError(
            f"{path} is not a valid file of pyperf: {type(error).__name__}. Restore it, or remove it."
        ) from None


def _rows(suite: pyperf.BenchmarkSuite) -> Iterator[FloorRow]:
    for benchmark in suite.get_benchmarks():
        if benchmark.get_unit() == SECONDS_UNIT:
            kind, transport, payload_bytes = benchmark.get_name().split(" ")
            runs_us = [1e6 * fmean(run.values) for run in benchmark.get_runs() if run.values]
            yield FloorRow(kind=kind, transport=transport, payload_bytes=int(payload_bytes), runs_us=tuple(runs_us))
