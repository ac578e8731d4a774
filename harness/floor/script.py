"""Runs the floor benchmarks with pyperf's Runner, and reads their results."""

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from pathlib import Path

import pyperf  # type: ignore[import-untyped] # it brings no types

from harness.errors import ConfigError, raise_all
from harness.experiment.read import read_experiment
from harness.experiment.transports import transports
from harness.floor.bench import KINDS, FloorBenchmark, TimeLoops, prepare_benchmark
from harness.load.pyperf_runner import make_runner, parse_options, run_benchmark
from harness.model import FloorResults, Settings
from harness.model.http import requested_bytes
from harness.testbed.addresses import transport_problem
from harness.testbed.blueprint import Machine, survey_machine
from harness.testbed.kernel.lock import hold_machine
from harness.testbed.machine.procfs import format_cpus, parse_cpus
from harness.testbed.standalone import null_server

RESULTS = Path("results")
# As many worker processes as leave a minute for three transports, two kinds of exchange and one size.
PROCESSES, VALUES, WARMUPS = 6, 3, 1

# With these, the result cannot serve as the floor of other runs.
UNUSUAL_OPTIONS = ("affinity", "debug_single_value", "hook", "profile", "track_memory", "tracemalloc")


def measure_floor(arguments: Sequence[str], say: Callable[[str], None], render: Callable[[FloorResults], str]) -> None:
    """Run all benchmarks, write the floor as `render` returns it, and report limits of the machine's lock by `say`.

    Raises HarnessError.
    """
    runner = _make_runner()
    options = parse_options(runner, arguments)
    machine = survey_machine(RESULTS)
    check_options(options, machine.topology.reachable)
    benches = make_benchmarks(options.config, machine)
    with ExitStack() as exit_stack:
        exit_stack.enter_context(hold_machine(say))
        keep = exit_stack.enter_context(_open_results(options, render))
        _run_benchmarks(runner, benches, machine, exit_stack)
        keep()


def run_worker(arguments: Sequence[str]) -> None:
    """Run as a worker process of pyperf."""
    runner = _make_runner()
    options = runner.parse_args(list(arguments))
    machine = survey_machine(RESULTS)
    with ExitStack() as exit_stack:
        _run_benchmarks(runner, make_benchmarks(options.config, machine), machine, exit_stack)


def make_benchmarks(config: str | None, machine: Machine) -> list[FloorBenchmark]:
    """Return a benchmark of each kind over each available transport, for each payload size of the experiment."""
    arms = read_experiment(Path(config)).arms if config else ()
    paths = dict.fromkeys(arm.settings.path for arm in arms) or {Settings().path: None}
    sizes = {len(null_server.DEFAULT_BODY) if (size := requested_bytes(path)) is None else size: path for path in paths}
    return [
        FloorBenchmark(kind, transport, path, size)
        for size, path in sizes.items()
        for kind in KINDS
        for transport in transports()
        if transport_problem(transport, machine.parents) is None
    ]


def _make_runner() -> pyperf.Runner:
    runner = make_runner("harness.floor", _worker_arguments, values=VALUES, processes=PROCESSES, warmups=WARMUPS)
    runner.argparser.prog = "barehop floor"
    runner.argparser.description = "Measure the bare transport between two pinned processes, without nginx and the app."
    runner.argparser.add_argument("config", nargs="?", metavar="CONFIG", help="the experiment with the payload sizes")
    return runner


def _worker_arguments(options: argparse.Namespace) -> list[str]:
    return [options.config] if options.config else []


def _run_benchmarks(
    runner: pyperf.Runner, benches: Sequence[FloorBenchmark], machine: Machine, exit_stack: ExitStack
) -> None:
    """Run the benchmarks in turn; a worker prepares only its own, when pyperf first calls it."""
    pin = runner.args.affinity is None
    for bench in benches:
        prepare = cache(partial(prepare_benchmark, bench, machine, exit_stack, pin=pin))
        run_benchmark(runner, bench.name, partial(_time_loops, prepare))


def _time_loops(prepare: Callable[[], TimeLoops], loops: int) -> float:
    return prepare()(loops)


@contextmanager
def _open_results(options: argparse.Namespace, render: Callable[[FloorResults], str]) -> Iterator[Callable[[], None]]:
    """Create a results directory unless the options name a file; yield a function to call after the last benchmark.

    Incomplete results, and those with unusual options, are kept under another name and never serve as a floor.
    """
    if options.output or options.append:
        yield lambda: None
        return
    from harness.observe.host.facts import host_facts
    from harness.store.history import COMPLETE_FILE, FLOOR_DIRECTORY, PARTIAL_FILE, read_floor
    from harness.store.store import Store, create_results_directory
    from harness.testbed.machine.pyperf import remove_names

    directory = create_results_directory(RESULTS, FLOOR_DIRECTORY, None)
    (directory / "sessions").rmdir()
    Store(directory).write_json("host.json", host_facts({}))
    partial_file, complete_file = directory / PARTIAL_FILE, directory / COMPLETE_FILE
    options.output = str(partial_file)

    def keep() -> None:
        sys.stdout.write(f"\n{render(read_floor(partial_file))}")
        if not is_unusual(options):
            remove_names(partial_file)
            partial_file.rename(complete_file)
        sys.stdout.write(f"\nResults  {directory}\n")

    try:
        yield keep
    finally:
        if not partial_file.exists() and not complete_file.exists():
            shutil.rmtree(directory)


def check_options(options: argparse.Namespace, cpus: Sequence[int]) -> None:
    """Raise ConfigError with all options that cannot be used here."""
    raise_all(_option_problems(options, cpus), ConfigError)


def is_unusual(options: argparse.Namespace) -> bool:
    """Return whether the result cannot serve as the floor of other runs."""
    return any(getattr(options, name, None) for name in UNUSUAL_OPTIONS)


def _option_problems(options: argparse.Namespace, cpus: Sequence[int]) -> Iterator[str]:
    if options.worker:
        yield "--worker is internal to pyperf. Leave it out."
    if options.compare_to or options.python != sys.executable:
        yield "--compare-to and --python need another Python with barehop, and there is none. Leave them out."
    if options.pipe is not None:
        yield "--pipe is internal to pyperf; -o FILE writes the results to a file."
    for name in filter(None, (options.output, options.append)):
        if not Path(name).absolute().parent.is_dir():
            yield f"{name} cannot be written: there is no such directory. Create it, or give another file."
    yield from _affinity_problems(options.affinity, cpus)


def _affinity_problems(text: str | None, cpus: Sequence[int]) -> Iterator[str]:
    try:
        wanted = parse_cpus(text or "")
    except ValueError:
        yield f"--affinity={text} is not a list of CPUs. Write it like --affinity=0-2,8."
        return
    if missing := set(wanted) - set(cpus):
        yield f"--affinity={text}: CPU {format_cpus(missing)} is not available. Choose from {format_cpus(cpus)}."
