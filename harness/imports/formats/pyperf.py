"""A pyperf file, such as barehop's own pyperf.json: a run for each process with values."""

from collections.abc import Iterator, Sequence
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


def _read(text: str, run: ImportedRun) -> Sequence[ImportedRun]:
    return [imported for benchmark in load_benchmarks(text) for imported in _runs(benchmark, run)]


def _runs(benchmark: "Benchmark", run: ImportedRun) -> Iterator[ImportedRun]:
    """Yield the runs; pyperf's values are means over many requests, so there are no percentiles."""
    if benchmark.get_unit() != "second":
        raise ValueError(f"{benchmark.get_name()} is in {benchmark.get_unit()}s, not in seconds. Give a file of times.")
    for process in benchmark.get_runs():
        if process.values:
            yield replace(
                run,
                architecture=benchmark.get_name() or "",
                requests=process.get_total_loops() * len(process.values),
                connections=1,
                mean_us=1e6 * fmean(process.values),
                mean_resolution_us=RESOLUTION_US,
            )


PLUGINS = {
    "pyperf": ImportFormat(
        "A pyperf file, such as barehop's own pyperf.json: a run for each process with values.",
        FormatMarks(keys=(("benchmarks",),)),
        _read,
    )
}
