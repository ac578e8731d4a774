"""Run the floor's benchmarks with pyperf: its options, its worker processes, its JSON results.

Imports that only the first process needs are in its functions, because about sixty workers start.
"""

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from pathlib import Path

import pyperf  # type: ignore[import-untyped] # it brings no types

from harness import plugins
from harness.errors import LoadError
from harness.experiment.limits import sized
from harness.experiment.read import read_experiment
from harness.floor.bench import KINDS, Bench, prepared
from harness.floor.exchanges import TimeLoops
from harness.floor.options import check, is_unusual, parsed
from harness.lab import bare
from harness.lab.blueprint import Machine, survey
from harness.lab.lock import hold_machine
from harness.model import Settings, Transport
from harness.start import module_command

RESULTS = Path("results")
# As many worker processes as leave a minute for three transports, two kinds of exchange and one size.
PROCESSES, VALUES, WARMUPS = 6, 3, 1
TIMED_OUT = 124  # pyperf's exit code if a worker takes too long


def run(arguments: Sequence[str], say: Callable[[str], None]) -> None:
    """Run all benchmarks, and report the limits of the machine's lock by `say`. Raises HarnessError."""
    runner = _runner()
    options = parsed(runner, arguments)
    machine = survey(RESULTS)
    check(options, machine.topology.reachable)
    benches = benches_of(options.config, machine)
    with ExitStack() as exit_stack:
        exit_stack.enter_context(hold_machine(say))
        keep = exit_stack.enter_context(_results(options))
        _bench(runner, benches, machine, exit_stack)
        keep()


def work(arguments: Sequence[str]) -> None:
    """Run as a worker process of pyperf."""
    runner = _runner()
    options = runner.parse_args(list(arguments))
    machine = survey(RESULTS)
    with ExitStack() as exit_stack:
        _bench(runner, benches_of(options.config, machine), machine, exit_stack)


def benches_of(config: str | None, machine: Machine) -> list[Bench]:
    """Return a benchmark of each kind over each available transport, for each payload size of the experiment."""
    arms = read_experiment(Path(config)).arms if config else ()
    paths = dict.fromkeys(arm.settings.path for arm in arms) or {Settings().path: None}
    sizes = {len(bare.BODY) if (size := sized(path)) is None else size: path for path in paths}
    transports = [name for name in plugins.names("harness.lab.transports") if _has_place(name, machine)]
    return [
        Bench(kind, transport, path, size) for size, path in sizes.items() for kind in KINDS for transport in transports
    ]


def _has_place(transport: str, machine: Machine) -> bool:
    home = plugins.load("harness.lab.transports", transport, Transport).home
    return home == "port" or machine.parents[home] is not None


def _runner() -> pyperf.Runner:
    runner = pyperf.Runner(
        values=VALUES,
        processes=PROCESSES,
        warmups=WARMUPS,
        program_args=module_command("harness.floor"),
        add_cmdline_args=_for_workers,
    )
    runner.argparser.prog = "barehop floor"
    runner.argparser.description = "Measure the bare transport between two pinned processes, without nginx and the app."
    runner.argparser.add_argument("config", nargs="?", metavar="CONFIG", help="the experiment with the payload sizes")
    return runner


def _for_workers(command: list[str], options: argparse.Namespace) -> None:
    if options.config:
        command.append(options.config)


def _bench(runner: pyperf.Runner, benches: Sequence[Bench], machine: Machine, exit_stack: ExitStack) -> None:
    """Run the benchmarks in turn; a worker prepares only its own, when pyperf first calls it."""
    pin = runner.args.affinity is None
    try:
        for bench in benches:
            prepare = cache(partial(prepared, bench, machine, exit_stack, pin=pin))
            runner.bench_time_func(bench.name, partial(_seconds, prepare))
    except RuntimeError as error:
        raise LoadError(f"{error}. See the worker's message above.") from None
    except SystemExit as ended:
        if ended.code != TIMED_OUT:
            raise
        raise LoadError("A pyperf worker did not end within --timeout. Allow more seconds.") from None


def _seconds(prepare: Callable[[], TimeLoops], loops: int) -> float:
    return prepare()(loops)


@contextmanager
def _results(options: argparse.Namespace) -> Iterator[Callable[[], None]]:
    """Create a results directory unless the options name a file; yield a function to call after the last benchmark.

    Incomplete results, and those with unusual options, are kept under another name and never serve as a floor.
    """
    if options.output or options.append:
        yield lambda: None
        return
    from harness.evidence.host import host_facts
    from harness.evidence.pyperf_facts import without_names
    from harness.evidence.store import Store, new_directory
    from harness.floor.results import NAME, OTHER, WHOLE

    directory = new_directory(RESULTS, NAME, None)
    (directory / "sessions").rmdir()
    Store(directory).write_json("host.json", host_facts({}))
    partial_file, complete_file = directory / OTHER, directory / WHOLE
    options.output = str(partial_file)

    def keep() -> None:
        _conclude(partial_file)
        if not is_unusual(options):
            without_names(partial_file)
            partial_file.rename(complete_file)
        sys.stdout.write(f"\nResults  {directory}\n")

    try:
        yield keep
    finally:
        if not partial_file.exists() and not complete_file.exists():
            shutil.rmtree(directory)


def _conclude(measured: Path) -> None:
    from harness.floor.results import floor_of
    from harness.report.floor import render_floor

    sys.stdout.write(f"\n{render_floor(floor_of(measured))}")
