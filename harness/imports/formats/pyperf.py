"""A pyperf file, such as barehop's own pyperf.json: a run for each process with values."""

from collections.abc import Iterator
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING

from harness.model import FormatMarks, ImportedRun, ImportFormat

if TYPE_CHECKING:
    from pyperf import Benchmark  # type: ignore[import-untyped]  # it has no types


RESOLUTION_US = 0.001


def load_benchmarks(text: str) -> list["Benchmark"]:
    """Return the benchmarks in a file of pyperf. Raise ValueError."""
    from pyperf import BenchmarkSuite

    try:
        benchmarks: list[Benchmark] = BenchmarkSuite.loads(text).get_benchmarks()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"pyperf cannot read it: {error!r}. Give the file that pyperf wrote.") from error
    return benchmarks


def _read(text: str, run: ImportedRun) -> Iterator[ImportedRun]:
    """Yield the runs; pyperf's values are means over many requests, so there are no percentiles."""
    for benchmark in load_benchmarks(text):
        name, unit = benchmark.get_name() or "", benchmark.get_unit()
        if unit != "second":
            raise ValueError(f"{name} is in {unit}s, not in seconds. Give a file of times.")
        for process in filter(lambda process: process.values, benchmark.get_runs()):
            yield replace(
                run,
                architecture=name,
                requests=process.get_total_loops() * len(process.values),
                connections=1,
                mean_us=1e6 * fmean(process.values),
                mean_resolution_us=RESOLUTION_US,
            )


PLUGINS = {"pyperf": ImportFormat(__doc__, FormatMarks(keys=(("benchmarks",),)), _read)}
