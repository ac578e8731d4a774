"""How a module of ours runs under pyperf's Runner: its worker processes, its options, and its errors."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

import pyperf  # type: ignore[import-untyped] # it brings no types

from harness.errors import ConfigError, HarnessError, Interrupted, LoadError
from harness.start import module_command

TIMEOUT_EXIT_CODE = 124  # pyperf's exit code if a worker takes too long


class WorkerError(LoadError):
    """A worker process failed, and has printed why."""


def make_runner(
    module: str, worker_arguments: Callable[[argparse.Namespace], Sequence[str]], **defaults: int
) -> pyperf.Runner:
    """Return a Runner whose worker processes run `module` with `worker_arguments` of the options."""

    def add_arguments(command: list[str], options: argparse.Namespace) -> None:
        command += worker_arguments(options)

    return pyperf.Runner(program_args=module_command(module), add_cmdline_args=add_arguments, **defaults)


def parse_options(runner: pyperf.Runner, arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the options. Raises ConfigError if pyperf rejects them; argparse exits by itself."""
    try:
        options: argparse.Namespace = runner.parse_args(list(arguments))
    except SystemExit as ended:
        if ended.code == 1:
            raise ConfigError("pyperf rejected these options; see its message above.") from None
        raise
    return options


def run_benchmark(runner: pyperf.Runner, name: str, time_loops: Callable[[int], float]) -> None:
    """Run a benchmark; `time_loops` returns the seconds of so many loops. Raises LoadError."""
    try:
        runner.bench_time_func(name, time_loops)
    except RuntimeError as error:
        raise WorkerError(f"{error}. See the worker's message above.") from None
    except SystemExit as ended:
        if ended.code != TIMEOUT_EXIT_CODE:
            raise
        raise LoadError("A pyperf worker did not end within --timeout. Allow more seconds.") from None


def run_program(run: Callable[[Sequence[str]], None]) -> NoReturn:
    """Run `run` with the arguments of the command line, then exit; print one sentence for each kind of failure."""
    try:
        run(sys.argv[1:])
    except WorkerError as problem:
        sys.exit(problem.exit_code)
    except HarnessError as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(problem.exit_code)
    except KeyboardInterrupt:
        sys.exit(Interrupted.exit_code)
    sys.exit(0)
