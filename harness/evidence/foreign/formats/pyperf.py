"""A pyperf file, such as barehop's own pyperf.json: a run for each process that it holds values of."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING

from harness.model import Foreign, Marks, Reader

if TYPE_CHECKING:
    from pyperf import Benchmark  # type: ignore[import-untyped]  # it has no types

RESOLUTION_US = 0.001


def _read(text: str, run: Foreign) -> Sequence[Foreign]:
    from pyperf import BenchmarkSuite

    try:
        benchmarks = BenchmarkSuite.loads(text).get_benchmarks()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"pyperf does not understand it: {error!r}. Give pyperf's file as it was.") from error
    return [one for benchmark in benchmarks for one in _runs(benchmark, run)]


def _runs(benchmark: "Benchmark", run: Foreign) -> Iterator[Foreign]:
    """Its values are means over many requests: they give a mean, and no percentiles."""
    if benchmark.get_unit() != "second":
        raise ValueError(f"{benchmark.get_name()} is in {benchmark.get_unit()}s, not in seconds. Give a file of times.")
    for one in benchmark.get_runs():
        if one.values:
            yield replace(
                run,
                architecture=benchmark.get_name() or "",
                requests=one.get_total_loops() * len(one.values),
                connections=1,
                mean_us=1e6 * fmean(one.values),
                mean_resolution_us=RESOLUTION_US,
            )


PLUGIN = Reader(Marks(keys=(("benchmarks",),)), _read)
