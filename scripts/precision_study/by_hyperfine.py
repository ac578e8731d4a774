"""hyperfine: one command per arm, `ab -n 1000 -c 1 -l`; its start-up takes about 1 % of the time."""

import json
import re
import shlex
import time
from pathlib import Path

from harness.errors import LoadError, MachineError
from harness.model import Target
from harness.testbed.servers.programs import find_program
from scripts.precision_study.by_ab import SETTINGS, ab_program
from scripts.precision_study.intervals import independent
from scripts.precision_study.method import FEWEST_RUNS, Measured, Task, measured
from scripts.precision_study.stand import call, stand

WARM_UP_RUNS = 1
FAILURES = re.compile(r"^(Failed requests: +[1-9]|Non-2xx responses:).*", re.MULTILINE)


def hyperfine(task: Task) -> Measured:
    """Call hyperfine once, with as many runs of each command as fit the time."""
    with stand(task) as targets:
        commands = [_command(target) for target in targets.values()]
        run_s = _seconds(commands[0], task.directory / "trial.log")
        runs = max(int(task.left_s() / len(targets) / run_s) - WARM_UP_RUNS, FEWEST_RUNS)
        times_s = _times_s(commands, runs, task.directory)
        return measured(dict(zip(targets, times_s, strict=True)), independent)


def _command(target: Target) -> list[str]:
    requests = str(SETTINGS.tool_requests)
    return [ab_program(), "-q", "-l", "-n", requests, "-c", "1", target.url]


def _seconds(command: list[str], log: Path) -> float:
    began = time.monotonic()
    call(command, log)
    return time.monotonic() - began


def _times_s(commands: list[list[str]], runs: int, directory: Path) -> list[list[float]]:
    """Return the times of all runs in seconds, one list per command. Raises MachineError, LoadError."""
    program = find_program("hyperfine")
    if program is None:
        raise MachineError("There is no program 'hyperfine'. Install the package hyperfine of your distribution.")
    found = directory / "hyperfine.json"
    how = ["--shell=none", "--show-output", f"--warmup={WARM_UP_RUNS}", f"--runs={runs}"]
    said = call([program, *how, f"--export-json={found}", *map(shlex.join, commands)], directory / "hyperfine.log")
    if failure := FAILURES.search(said):
        raise LoadError(f"Requests of ab under hyperfine failed: {failure[0]}. See {directory}.")
    return [result["times"] for result in json.loads(found.read_text())["results"]]
