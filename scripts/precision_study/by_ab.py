"""ab as in the 2021 write-up, `ab -n 1000 -c 1 -l`: one arm after the other, or interleaved in random order."""

import random
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from harness.errors import LoadError, MachineError
from harness.load.tools.ab import PLUGIN
from harness.load.visits import run_tool
from harness.model import Settings, Target
from harness.testbed.servers.programs import find_program
from scripts.precision_study.intervals import independent, paired
from scripts.precision_study.method import FEWEST_RUNS, Measured, Task, measured
from scripts.precision_study.stand import stand

SETTINGS = Settings(tool="ab", tool_requests=1000)

Run = Callable[[], float]


def ab_program() -> str:
    """Return the path of ab. Raises MachineError."""
    program = find_program(PLUGIN.program)
    if program is None:
        raise MachineError(f"There is no program 'ab'. {PLUGIN.install}")
    return program


def one_after_the_other(task: Task) -> Measured:
    """Run one arm after the other; each gets an equal share of the time."""
    with stand(task) as targets:
        runs = _runs(targets, task.directory)
        return measured({arm: _block(runs[arm], end) for arm, end in task.turns(runs)}, independent)


def interleaved(task: Task) -> Measured:
    """Run rounds until the time is over; in each round every arm runs once, in random order."""
    order = random.Random(task.seed)  # noqa: S311 - chance, not secrecy
    with stand(task) as targets:
        runs = _runs(targets, task.directory)
        means_us: dict[str, list[float]] = {arm: [] for arm in runs}
        rounds = 0
        while task.left_s() > 0 or rounds < FEWEST_RUNS:
            rounds += 1
            for arm in order.sample(list(runs), len(runs)):
                means_us[arm].append(runs[arm]())
        return measured(means_us, paired)


def _runs(targets: Mapping[str, Target], directory: Path) -> dict[str, Run]:
    program = ab_program()
    return {arm: partial(_mean_us, program, target, directory / arm) for arm, target in targets.items()}


def _block(run: Run, end: float) -> list[float]:
    means_us: list[float] = []
    while time.monotonic() < end or len(means_us) < FEWEST_RUNS:
        means_us.append(run())
    return means_us


def _mean_us(program: str, target: Target, directory: Path) -> float:
    outcome = run_tool(PLUGIN, program, target, SETTINGS, directory)
    if outcome.failures:
        raise LoadError(f"Requests of ab failed: {dict(outcome.failures)}. See {directory}.")
    return outcome.mean_us
