"""barehop, run like any user would; it restarts the whole stack for each session."""

from pathlib import Path

from harness.errors import LoadError
from harness.model import Comparison, Summary
from scripts.precision_study.intervals import Interval
from scripts.precision_study.method import CONTROL, UNIX, Measured, Task
from scripts.precision_study.stand import call, python_module

EXPERIMENT = Path(__file__).with_name("experiment.toml")
MEASURED = (0, 1)  # 1: the A/A control differs; the study counts this as a false alarm
OUTSIDE_BUDGET_S = 0.5  # time to read its results


def barehop(task: Task) -> Measured:
    """Call `barehop run` once, with a budget that ends at the deadline."""
    left_s = task.left_s()
    budget_s = max(left_s - OUTSIDE_BUDGET_S, left_s / 2)
    out = task.directory / "run"
    options = [f"--budget={budget_s:.1f}", f"--set=design.seed={task.seed}", f"--out={out}", "--quiet"]
    call([*python_module("harness"), "run", str(EXPERIMENT), *options], task.directory / "barehop.log", MEASURED)
    summary = Summary.model_validate_json((out / "summary.json").read_bytes())
    latency = {each.arm: _interval(each) for each in summary.comparisons if each.metric == "latency"}
    return Measured(effect=latency[UNIX], control=latency[CONTROL], runs=summary.sessions)


def _interval(seen: Comparison) -> Interval:
    numbers = (seen.percent, seen.percent_low, seen.percent_high)
    if None in numbers:
        raise LoadError(f"barehop reports no interval for {seen.arm}: {seen.why}")
    return Interval.model_validate(dict(zip(Interval.model_fields, numbers, strict=True)))
