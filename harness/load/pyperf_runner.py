"""Runs our benchmarks (a request of our client, the floor) in worker processes of pyperf's Runner."""

import argparse
import io
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import NoReturn

import pyperf  # type: ignore[import-untyped] # it brings no types
from pydantic import TypeAdapter

from harness.errors import ConfigError, HarnessError, Interrupted, LoadError
from harness.load.burst import Exchange
from harness.load.client import open_exchange
from harness.model import Target
from harness.start import module_command
from harness.testbed.machine.pyperf_metadata import remove_names

MODULE = "harness.load.pyperf_runner"  # what the worker processes of the request's benchmark run
BENCHMARK = "request"
TIMEOUT_EXIT_CODE = 124  # pyperf's exit code if a worker takes too long
PYPERF_ERROR = "ERROR: "  # how its messages begin, on standard output


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
    """Parse the options. Raises ConfigError, in a sentence, if argparse or pyperf rejects them."""
    printed = io.StringIO()
    runner.argparser.error = partial(_reject, runner)  # argparse's own prints the usage and exits
    try:
        with redirect_stdout(printed):
            options: argparse.Namespace = runner.parse_args(list(arguments))
    except SystemExit as ended:
        if ended.code == 1:
            _reject(runner, printed.getvalue().removeprefix(PYPERF_ERROR))
        sys.stdout.write(printed.getvalue())  # the help
        raise
    return options


def _reject(runner: pyperf.Runner, message: str) -> NoReturn:
    sentence = " ".join(message.split()).rstrip(".")
    raise ConfigError(f"{sentence[:1].upper()}{sentence[1:]}. See {runner.argparser.prog} --help.")


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


def run_request(arguments: Sequence[str]) -> None:
    """Benchmark a request to `--target=FILE`, with any option of pyperf's Runner. Raises LoadError."""
    runner = make_runner(MODULE, lambda options: [f"--target={options.target}"])
    runner.argparser.add_argument("--target", type=Path, required=True, help="JSON file with the target")
    options = parse_options(runner, arguments)
    target = TypeAdapter(Target).validate_json(options.target.read_bytes())
    with open_exchange(target) as exchange:
        run_benchmark(runner, BENCHMARK, partial(time_requests_s, exchange=exchange))
    if options.output and not options.worker:
        remove_names(Path(options.output))


def time_requests_s(loops: int, exchange: Callable[[], Exchange]) -> float:
    """Return the seconds of `loops` requests, one after the other. Raises LoadError if one fails."""
    total_ns = 0
    for _ in range(loops):
        result = exchange()
        if result.fault:
            raise LoadError(f"A request failed: {result.fault}.")
        total_ns += result.end_ns - result.start_ns
    return total_ns / 1e9


if __name__ == "__main__":
    run_program(run_request)
