"""Drives the load of a visit: our client, many connections, a rate, or an outside tool."""

import shlex
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

from harness.errors import LoadError, MachineError
from harness.load.burst import Burst
from harness.load.client import open_client
from harness.load.connections import ConnectionPool, open_pool
from harness.load.loops import (
    CapacitySearch,
    SearchStep,
    closed_loop_burst,
    open_loop_burst,
    open_loop_lengths,
    poisson_arrivals_ns,
)
from harness.model import Arm, LoadTool, Settings, Target, ToolResult
from harness.testbed.processes.output import read_log_end
from harness.testbed.processes.process import run_program
from harness.testbed.servers.programs import find_program

_MAX_START_S = 30.0
_SLOWEST_REQUEST_S = 0.1
RequestsResult = Burst | ToolResult | SearchStep
# Sends `settle` untimed and then `timed` requests in a round; if `timed` is 0, one after the other.
Send = Callable[[int, int, int], RequestsResult]


def run_tool(  # noqa: PLR0913 - a tool, its input, and when
    tool: LoadTool,
    program: str,
    target: Target,
    settings: Settings,
    directory: Path,
    just_before: Callable[[], object] = lambda: None,
) -> ToolResult:
    """Run `tool` once; its files go to `directory`, which is emptied before. Raises LoadError if it fails.

    `just_before` is called as late as possible before it starts.
    """
    directory = directory.absolute()
    directory.mkdir(parents=True, exist_ok=True)
    for path in filter(Path.is_file, directory.iterdir()):  # some tools append to files, some may end without writing
        path.unlink()
    for name, text in tool.files(target, settings).items():
        (directory / name).write_text(text, encoding="utf-8")
    argv = tool.command(program, target, settings, directory)
    # Only a hanging tool exceeds this limit.
    limit_s = _MAX_START_S + (2 * settings.tool_seconds or _SLOWEST_REQUEST_S * settings.tool_requests)
    exit_code = run_program(argv, directory, limit_s + target.timeout_s, just_before)
    if exit_code:
        message = _last_line(directory / "stderr.txt")
        raise LoadError(f"{program} ended with exit code {exit_code}: {message}. {_advice(argv, directory)}")
    try:
        outcome = tool.read_result(directory)
    except ValueError as error:
        raise LoadError(f"The output of {program} cannot be read: {error} {_advice(argv, directory)}") from error
    made = outcome.requests + sum(outcome.failures.values())
    if made < settings.tool_requests and not (tool.picks_request_count or settings.tool_seconds):
        raise LoadError(
            f"{program} made only {made} of {settings.tool_requests} requests. See its output in {directory}."
        )
    return outcome


def _last_line(path: Path) -> str:
    lines = read_log_end(path).split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "no message")


def _advice(argv: list[str], directory: Path) -> str:
    return f"Its output is in {directory}; to reproduce it while the servers run: {shlex.join(argv)}"


@contextmanager
def open_sender(arm: Arm, target: Target, tool: LoadTool | None, directory: Path, seed: str) -> Iterator[Send]:
    """Yield the function that sends the requests of an arm; `seed` and the round determine the times of an open loop.

    A tool writes its files to `directory`.
    """
    with open_client(target) as burst, open_pool(target) as pool:

        def send(settle: int, timed: int, round_: int) -> RequestsResult:
            return send_timed(settle, timed, round_) if send_timed and timed else burst(settle, timed)

        send_timed: Send | None = None  # else one request after the other
        if tool:
            send_timed = _tool_sender(tool, burst, arm.settings, target, directory)
        elif not arm.settings.is_sequential:
            send_timed = _pool_sender(pool, arm.settings, seed)
        yield send


def _pool_sender(pool: ConnectionPool, settings: Settings, seed: str) -> Send:
    search = CapacitySearch(pool, settings.p99_limit_ms)

    def search_capacity(_settle: int, _timed: int, round_: int) -> RequestsResult:
        return search.run_step(f"{seed}/{round_}")

    def send_closed_loop(settle: int, timed: int, _round: int) -> RequestsResult:
        return closed_loop_burst(pool, settings.connections, settle, timed)

    def send_open_loop(settle: int, timed: int, round_: int) -> RequestsResult:
        rate_per_s = float(settings.rate)
        settle, timed = open_loop_lengths(rate_per_s, settle, timed)
        return open_loop_burst(pool, poisson_arrivals_ns(rate_per_s, settle + timed, f"{seed}/{round_}"), settle)

    return search_capacity if settings.p99_limit_ms else send_open_loop if settings.rate else send_closed_loop


def _tool_sender(
    tool: LoadTool, burst: Callable[[int, int], Burst], settings: Settings, target: Target, directory: Path
) -> Send:
    """Return a function that settles with our client and then runs the tool once, whatever the length of a burst."""
    program = find_program(tool.program)
    if program is None:
        raise MachineError(f"There is no program {tool.program!r} any more. {tool.install}")
    runs = count(1)

    def run(settle: int, _timed: int, _round: int) -> RequestsResult:
        failures: Counter[str] = Counter()

        def settle_first() -> None:
            failures.update(burst(settle, 0).failures)

        outcome = run_tool(tool, program, target, settings, directory / f"{next(runs):04}", settle_first)
        return replace(outcome, failures=failures + Counter(outcome.failures))

    return run
