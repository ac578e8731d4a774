"""Benchmarks the bare transport with pyperf: one request and its answer over a socket pair of each kind."""

import argparse
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Literal

import psutil
import pyperf  # type: ignore[import-untyped] # it brings no types

from harness.errors import ConfigError, LoadError, StackError, raise_if_any
from harness.experiment.read import read_experiment
from harness.experiment.transports import is_in_sockmap, socket_protocol, transports
from harness.load.client import Endpoint, endpoint_of
from harness.load.http_answer import MAX_HEAD_BYTES
from harness.load.probe import probe_target
from harness.load.pyperf_runner import make_runner, parse_options, run_benchmark, run_program
from harness.model import Reply, Settings, Target
from harness.model.http import MAX_BODY_BYTES, requested_bytes
from harness.testbed.blueprint import Machine, survey_machine
from harness.testbed.hop_addresses import direct_target, hop_of, null_server_argv, transport_problem
from harness.testbed.kernel.lock import hold_machine
from harness.testbed.machine.directories import free_ports
from harness.testbed.machine.placement import placement_of
from harness.testbed.machine.procfs import format_cpus, parse_cpus
from harness.testbed.processes.process import SupervisedCommand, SupervisedProcess, start_command
from harness.testbed.standalone import null_server

MODULE = "harness.floor.bench"  # what pyperf's worker processes run
RESULTS = Path("results")
# As many worker processes as take 20 s for each transport, with two kinds of exchange and one size.
PROCESSES, VALUES, WARMUPS = 6, 3, 1
# With these, the result cannot serve as the floor of other runs.
UNUSUAL_OPTIONS = ("affinity", "debug_single_value", "hook", "profile", "track_memory", "tracemalloc")
# Options by which pyperf calls itself, or that help to debug it; --help leaves them out.
INNER_OPTIONS = (
    "debug_single_value", "pipe", "worker", "worker_task", "calibrate_loops", "recalibrate_loops", "calibrate_warmups",
    "recalibrate_warmups", "copy_env", "compare_to", "python_names", "hook", "profile", "tracemalloc", "track_memory",
)  # fmt: skip

ExchangeKind = Literal["connect", "ping-pong"]
KINDS: tuple[ExchangeKind, ...] = ("connect", "ping-pong")
READY_S, POLL_S = 10.0, 0.01
RECEIVE_BYTES = 65536
MAX_ANSWER_BYTES = MAX_HEAD_BYTES + MAX_BODY_BYTES

TimeLoops = Callable[[int], float]  # seconds of so many exchanges


@dataclass(frozen=True, slots=True)
class FloorBenchmark:
    """A benchmark: `path` is requested, and its body has `payload_bytes`."""

    kind: ExchangeKind
    transport: str
    path: str
    payload_bytes: int

    @property
    def name(self) -> str:
        """Return the name in pyperf's file."""
        return f"{self.kind} {self.transport} {self.payload_bytes}"


@dataclass(frozen=True, slots=True)
class FloorFile:
    """The file with the results, and their directory; None if the options name a file."""

    file: Path
    directory: Path | None = None


def measure_floor(arguments: Sequence[str], say: Callable[[str], None]) -> FloorFile:
    """Run all benchmarks, report limits of the machine's lock by `say`, and return the results. Raises HarnessError."""
    runner = _make_runner()
    options = parse_options(runner, arguments)
    machine = survey_machine(RESULTS)
    raise_if_any(_option_problems(options, machine.topology.reachable), ConfigError)
    benches = make_benchmarks(options.config, machine)
    with ExitStack() as exit_stack:
        exit_stack.enter_context(hold_machine(say))
        keep = exit_stack.enter_context(_open_results(options))
        _run_benchmarks(runner, benches, machine, exit_stack)
        return keep()


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
        if not (is_in_sockmap(transport) or socket_protocol(transport))
        if transport_problem(transport, machine.parents) is None
    ]


def _make_runner() -> pyperf.Runner:
    lengths = {"values": VALUES, "processes": PROCESSES, "warmups": WARMUPS}
    runner = make_runner(MODULE, lambda options: [options.config] if options.config else [], **lengths)
    runner.argparser.prog = "barehop floor"
    runner.argparser.description = "Measure the bare transport between two pinned processes, without nginx and the app."
    runner.argparser.add_argument("config", nargs="?", metavar="CONFIG", help="the experiment with the payload sizes")
    for action in runner.argparser._actions:
        if action.dest in INNER_OPTIONS:
            action.help = argparse.SUPPRESS
    return runner


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


def prepare_benchmark(bench: FloorBenchmark, machine: Machine, exit_stack: ExitStack, *, pin: bool) -> TimeLoops:
    """Start the server on the app's CPUs, with `pin` move this process to nginx's; return the function to time."""
    placement = placement_of("auto", machine.topology, 1)
    hop = hop_of(bench.transport, machine.parents, free_ports())
    command = SupervisedCommand(
        name="null server",
        argv=null_server_argv(hop),
        log=Path(os.devnull),
        cpus=placement.cpus["app"],
        directories=(hop.directory,) if hop.directory else (),
    )
    server = exit_stack.enter_context(start_command(command))
    target = direct_target(hop, bench.path, keepalive=bench.kind == "ping-pong")
    _wait_until_ready(target, server)
    if pin:
        psutil.Process().cpu_affinity(list(placement.cpus["nginx"]))
    return time_exchanges(target)


def _wait_until_ready(target: Target, server: SupervisedProcess) -> None:
    """Wait until the server answers. Raises StackError."""
    deadline = time.monotonic() + READY_S
    while not isinstance(reply := probe_target(target, target.path), Reply):
        server.check()
        if time.monotonic() > deadline:
            raise StackError(f"The null server did not answer within {READY_S:g} s: {reply}.")
        time.sleep(POLL_S)


def time_exchanges(target: Target) -> TimeLoops:
    """Return a function that times exchanges: over a connection that is opened beforehand if the target keeps it.

    Otherwise each is on a connection of its own, from socket() to close().
    """
    endpoint = endpoint_of(target)
    request, expected = endpoint.request, _answer_bytes(endpoint)

    def exchange_on_own() -> int:
        with _connect(endpoint) as sock:
            sock.sendall(request)
            return _receive_bytes(sock, expected + 1)  # to read the end of the connection, or an excess byte

    def seconds(loops: int) -> float:
        if not target.keepalive:
            return _loops_s(target.timeout_s, exchange_on_own, expected, loops)
        with require_progress(target.timeout_s):
            connected = _connect(endpoint)
        with connected as sock:

            def exchange() -> int:
                sock.sendall(request)
                return _receive_bytes(sock, expected)

            return _loops_s(target.timeout_s, exchange, expected, loops)

    return seconds


def _loops_s(limit_s: float, exchange: Callable[[], int], expected: int, loops: int) -> float:
    """Return `loops` times the median duration of an exchange, which is robust against steal. Raises LoadError.

    The timeout of each exchange is between `limit_s` and twice that.
    """
    times_s: list[float] = []
    with require_progress(limit_s, lambda: len(times_s)):
        for _ in range(loops):
            began = perf_counter()
            received = exchange()
            times_s.append(perf_counter() - began)
            if received != expected:
                raise LoadError(f"The null server answered with {received} bytes instead of {expected}. Run it again.")
    return loops * median(times_s)


def _answer_bytes(endpoint: Endpoint) -> int:
    """Return the size of an answer with its head. Raises LoadError if it is too large, or too late."""
    with require_progress(endpoint.timeout_s), _connect(endpoint) as sock:
        sock.sendall(endpoint.request.replace(b"keep-alive", b"close"))
        received = _receive_bytes(sock, MAX_ANSWER_BYTES + 1)
    if received > MAX_ANSWER_BYTES:
        raise LoadError(f"The null server answers with more than {MAX_ANSWER_BYTES} bytes. Run it again.")
    return received


def _receive_bytes(sock: socket.socket, enough: int) -> int:
    """Read until `enough` bytes or the end; return how many bytes came."""
    received = 0
    while received < enough and (piece := sock.recv(RECEIVE_BYTES)):
        received += len(piece)
    return received


def _connect(endpoint: Endpoint) -> socket.socket:
    sock = endpoint.new_socket()
    sock.connect(endpoint.address)
    return sock


@contextmanager
def require_progress(limit_s: float, finished: Callable[[], int] = lambda: 0) -> Iterator[None]:
    """Raise LoadError in the body if `finished()` does not grow for `limit_s`. Main thread only; not nested."""
    before = finished()

    def check_progress(*_: object) -> None:
        nonlocal before
        if finished() == before:
            raise LoadError(f"The null server did not finish an answer within {limit_s:g} s. Run it again.")
        before = finished()

    handler = signal.signal(signal.SIGALRM, check_progress)
    try:
        signal.setitimer(signal.ITIMER_REAL, limit_s, limit_s)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)


@contextmanager
def _open_results(options: argparse.Namespace) -> Iterator[Callable[[], FloorFile]]:
    """Create a results directory unless the options name a file; yield a function to call after the last benchmark.

    It returns the file. Incomplete results, and those with unusual options, are kept under another name and never serve
    as a floor.
    """
    if options.output or options.append:
        yield lambda: FloorFile(Path(options.output or options.append))
        return
    from harness.observe.host.facts import host_facts
    from harness.store.history import COMPLETE_FILE, FLOOR_DIRECTORY, PARTIAL_FILE
    from harness.store.store import Store, create_results_directory
    from harness.testbed.machine.pyperf_metadata import remove_names

    directory = create_results_directory(RESULTS, FLOOR_DIRECTORY, None)
    (directory / "sessions").rmdir()
    Store(directory).write_json("host.json", host_facts({}))
    partial_file, complete_file = directory / PARTIAL_FILE, directory / COMPLETE_FILE
    options.output = str(partial_file)

    def keep() -> FloorFile:
        if any(getattr(options, name, None) for name in UNUSUAL_OPTIONS):
            return FloorFile(partial_file, directory)
        remove_names(partial_file)
        return FloorFile(partial_file.rename(complete_file), directory)

    try:
        yield keep
    finally:
        if not partial_file.exists() and not complete_file.exists():
            shutil.rmtree(directory)


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
    try:
        missing = set(parse_cpus(options.affinity or "")) - set(cpus)
    except ValueError:
        yield f"--affinity={options.affinity} is not a list of CPUs. Write it like --affinity=0-2,8."
        return
    if missing:
        available = f"is not available. Choose from {format_cpus(cpus)}."
        yield f"--affinity={options.affinity}: CPU {format_cpus(missing)} {available}"


if __name__ == "__main__":
    run_program(run_worker)
