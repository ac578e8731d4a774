"""Runs the stack that all arms of a method share, and programs against it."""

import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import click

from harness.errors import LoadError
from harness.load.client import open_client
from harness.load.probe import probe_target
from harness.load.visits import WARM_UP_REQUESTS
from harness.model import Target
from harness.start import module_command
from harness.testbed.blueprint import blueprints_of, survey_machine
from harness.testbed.kernel.lock import hold_machine
from harness.testbed.machine.placement import pin_process
from harness.testbed.processes.process import log_excerpt
from harness.testbed.stack.start import start_stacks
from scripts.precision_study.method import Task
from scripts.study_door import ending_with_us

CHECKOUT = Path(__file__).parents[2]


@contextmanager
def stand(task: Task) -> Iterator[dict[str, Target]]:
    """Yield the target of each arm, started and warm; pins this process to the client's CPUs. Raises HarnessError."""
    machine = survey_machine(task.directory)
    with ExitStack() as until_the_end:
        until_the_end.enter_context(hold_machine(partial(click.echo, err=True)))
        blueprints = blueprints_of(task.experiment, task.directory / "stack", machine)
        (stack,) = until_the_end.enter_context(start_stacks(blueprints, probe_target))
        until_the_end.enter_context(pin_process(stack.blueprint.placement.cpus["client"]))
        for target in stack.blueprint.targets.values():
            _warm_up(target)
        yield stack.blueprint.targets
        stack.check_workers()


def call(argv: Sequence[str], log: Path, good: Sequence[int] = (0,)) -> str:
    """Run `argv` in the checkout; return its output and append it to `log`. Raises LoadError."""
    try:
        process = subprocess.Popen(
            ending_with_us(argv),
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    except OSError as error:
        raise LoadError(f"{shlex.join(argv)} could not be started: {error.strerror}. Reinstall it.") from error
    output = _output_of(process)
    with log.open("a", encoding="utf-8") as file:
        file.write(output)
    if process.returncode not in good:
        raise LoadError(
            f"{shlex.join(argv)} ended with exit code {process.returncode}. End of {log}:\n{log_excerpt(log)}"
        )
    return output


def _output_of(process: subprocess.Popen[str]) -> str:
    """Return all output of a program; an interrupt ends it with SIGTERM, so that it can clean up, and waits for it."""
    with process:
        try:
            return process.communicate()[0]
        except BaseException:
            process.terminate()
            process.communicate()
            raise


def python_module(name: str) -> list[str]:
    """Return the first words of a command line that runs module `name` of the checkout."""
    return [sys.executable, *module_command(name)]


def _warm_up(target: Target) -> None:
    with open_client(target) as burst:
        burst(WARM_UP_REQUESTS, 0)
