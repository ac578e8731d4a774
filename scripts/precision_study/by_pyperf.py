"""pyperf's Runner: one benchmark per arm, one arm after the other; its worker processes use barehop's client."""

import time
from pathlib import Path
from statistics import fmean

import pyperf  # type: ignore[import-untyped] # it brings no types
from pydantic import TypeAdapter

from harness.model import Target
from scripts.precision_study.intervals import independent
from scripts.precision_study.method import CONTROL, FEWEST_RUNS, TCP, Measured, Task, measured
from scripts.precision_study.stand import call, python_module, stand

# pyperf's calibration chooses this number of loops for requests of 0.4 to 0.8 ms; values and warm-ups are its defaults.
LOOPS = 256
LENGTHS = [f"--loops={LOOPS}", "--values=3", "--warmups=1"]


def with_runner(task: Task) -> Measured:
    """Run as many worker processes per arm as fit its share of the time; each process is one run."""
    with stand(task) as targets:
        files = {arm: task.directory / f"{arm}.json" for arm in targets}
        for arm, end in task.turns(targets):
            _benchmark(targets[arm], files[arm], end)
    found = measured({arm: run_means_s(file) for arm, file in files.items()}, independent)
    return Measured(found.effect, found.control, found.runs, own_alarm=_differ(files[TCP], files[CONTROL]))


def run_means_s(file: Path) -> list[float]:
    """Return the mean in seconds of each worker process in a pyperf file; processes that only calibrated have none."""
    return [fmean(run.values) for run in pyperf.Benchmark.load(str(file)).get_runs() if run.values]


def sample(target: Target, file: Path, processes: int) -> None:
    """Append the values of `processes` worker processes to `file`. Raises LoadError."""
    target_file = file.with_suffix(".target")
    target_file.write_bytes(TypeAdapter(Target).dump_json(target))
    where = [f"--target={target_file}", f"--append={file}", f"--processes={processes}"]
    call([*python_module("harness.load.pyperf_runner"), *where, *LENGTHS], file.with_suffix(".log"))


def _benchmark(target: Target, file: Path, end: float) -> None:
    """Run a few processes first; their duration determines how many more fit before `end`."""
    processes = FEWEST_RUNS
    while processes > 0:
        began = time.monotonic()
        sample(target, file, processes)
        each_s = (time.monotonic() - began) / processes
        processes = int((end - time.monotonic()) / each_s)


def _differ(reference: Path, other: Path) -> bool:
    """Return whether `pyperf compare_to` reports a significant difference."""
    compared = call([*python_module("pyperf"), "compare_to", str(reference), str(other)], other.with_suffix(".log"))
    return "not significant" not in compared.lower()
