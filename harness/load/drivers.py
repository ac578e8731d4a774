"""Drives the load of a visit: our client, many connections, a rate, or an outside tool."""

import shlex
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from statistics import fmean
from typing import Any, Protocol

from harness.errors import LoadError, MachineError
from harness.load.burst import Burst
from harness.load.client import open_client
from harness.load.connections import open_pool
from harness.load.loops import (
    CapacitySearch,
    SearchStep,
    closed_loop_burst,
    open_loop_burst,
    open_loop_lengths,
    poisson_arrivals_ns,
)
from harness.model import Arm, LoadTool, Settings, Target, ToolResult
from harness.model.http import is_changed_answer
from harness.testbed.processes.output import read_log_end
from harness.testbed.processes.process import run_program
from harness.testbed.servers.programs import find_program

_MAX_START_S = 30.0
_SLOWEST_REQUEST_S = 0.1
RequestsResult = Burst | ToolResult | SearchStep
SendSequentially = Callable[[int, int], Burst]
SendTimed = Callable[[int, int, int], RequestsResult]


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
    _clear_directory(directory)
    for name, text in tool.files(target, settings).items():
        (directory / name).write_text(text, encoding="utf-8")
    argv = tool.command(program, target, settings, directory)
    exit_code = run_program(argv, directory, _time_limit_s(settings) + target.timeout_s, just_before)
    if exit_code:
        message = _last_line(directory / "stderr.txt")
        raise LoadError(f"{program} ended with exit code {exit_code}: {message}. {_advice(argv, directory)}")
    try:
        outcome = tool.read_result(directory)
    except ValueError as error:
        raise LoadError(f"The output of {program} cannot be read: {error} {_advice(argv, directory)}") from error
    if not tool.picks_request_count:
        _check_complete(outcome, settings, program, directory)
    return outcome


def _clear_directory(directory: Path) -> None:
    """Create `directory`, without the files of an earlier run: some tools append, some may end without writing."""
    directory.mkdir(parents=True, exist_ok=True)
    for path in directory.iterdir():
        if path.is_file():
            path.unlink()


def _time_limit_s(settings: Settings) -> float:
    """Return a time limit that only a hanging tool exceeds."""
    return _MAX_START_S + (2 * settings.tool_seconds or _SLOWEST_REQUEST_S * settings.tool_requests)


def _last_line(path: Path) -> str:
    lines = read_log_end(path).split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "no message")


def _advice(argv: list[str], directory: Path) -> str:
    return f"Its output is in {directory}; to reproduce it while the servers run: {shlex.join(argv)}"


def _check_complete(outcome: ToolResult, settings: Settings, program: str, directory: Path) -> None:
    done = outcome.requests + sum(outcome.failures.values())
    if not settings.tool_seconds and done < settings.tool_requests:
        raise LoadError(
            f"{program} made only {done} of {settings.tool_requests} requests. See its output in {directory}."
        )


class Send(Protocol):
    """A function that sends `settle` untimed and then `timed` requests; if `timed` is 0, one after the other."""

    def __call__(self, settle: int, timed: int, round_: int = 0) -> RequestsResult:
        """Send the requests and return the result."""
        ...


@contextmanager
def open_sender(arm: Arm, target: Target, tool: LoadTool | None, directory: Path, seed: str) -> Iterator[Send]:
    """Yield the function that sends the requests of an arm; `seed` and the round determine the times of an open loop.

    A tool writes its files to `directory`.
    """
    with open_client(target) as burst:
        if tool:
            yield _make_send(burst, _tool_sender(tool, burst, arm.settings, target, directory))
        elif arm.settings.is_sequential:
            yield _make_send(burst, lambda settle, timed, _: burst(settle, timed))
        else:
            with _open_concurrent_sender(arm.settings, target, seed) as timed:
                yield _make_send(burst, timed)


def _make_send(burst: SendSequentially, by_settings: SendTimed) -> Send:
    def send(settle: int, timed: int, round_: int = 0) -> RequestsResult:
        return by_settings(settle, timed, round_) if timed else burst(settle, 0)

    return send


@contextmanager
def _open_concurrent_sender(settings: Settings, target: Target, seed: str) -> Iterator[SendTimed]:
    with open_pool(target) as pool:
        search = CapacitySearch(pool, settings.p99_limit_ms)

        def search_capacity(_settle: int, _timed: int, round_: int) -> RequestsResult:
            return search.run_step(f"{seed}/{round_}")

        def send_closed_loop(settle: int, timed: int, _round: int) -> RequestsResult:
            return closed_loop_burst(pool, settings.connections, settle, timed)

        def send_open_loop(settle: int, timed: int, round_: int) -> RequestsResult:
            rate_per_s = float(settings.rate)
            settle, timed = open_loop_lengths(rate_per_s, settle, timed)
            return open_loop_burst(pool, poisson_arrivals_ns(rate_per_s, settle + timed, f"{seed}/{round_}"), settle)

        yield search_capacity if settings.p99_limit_ms else send_open_loop if settings.rate else send_closed_loop


def _tool_sender(
    tool: LoadTool, burst: SendSequentially, settings: Settings, target: Target, directory: Path
) -> SendTimed:
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


def visit_fields(result: RequestsResult, settle: int) -> dict[str, Any]:
    """Return the fields of `model.Visit` that depend on the requests; `settle` of these preceded a tool."""
    if isinstance(result, ToolResult):
        return _outcome_fields(result, settle)
    return _step_fields(result) if isinstance(result, SearchStep) else _burst_fields(result)


def _burst_fields(burst: Burst) -> dict[str, Any]:
    """Return the fields of a burst; in an open loop the mean is from the intended send times."""
    late_us = fmean(burst.late_ns) / 1000 if burst.late_ns else None
    return {
        "requests": len(burst.latency_ns),
        "mean_us": fmean(burst.latency_ns) / 1000 + (late_us or 0) if burst.latency_ns else None,
        "failures": burst.failures,
        "positions": burst.positions,
        "start_ns": burst.start_ns,
        "latency_ns": burst.latency_ns,
        "late_ns": burst.late_ns,
        "late_us": late_us,
        "interval_us": burst.interval_ns / 1000 or None,
        "cpu_requests": burst.sent,
    }


def _step_fields(step: SearchStep) -> dict[str, Any]:
    """Return the fields of a search step, without a mean, because rates differ from step to step.

    Requests that fail at a rate that is too high are no failures of the arm; changed answers are.
    """
    fields = _burst_fields(step.burst)
    return {
        **{name: fields[name] for name in ("requests", "late_us", "interval_us")},
        "mean_us": None,
        "failures": {
            kind: count
            for kind, count in step.burst.failures.items()
            if step.rate_per_s is None or is_changed_answer(kind)
        },
        "percentiles_us": step.percentiles_us,
        "rate_per_s": step.rate_per_s,
        "cpu_requests": step.sent,
        "holds": step.holds,
    }


def _outcome_fields(outcome: ToolResult, settle: int) -> dict[str, Any]:
    """Return the fields of a tool's run; `wall_ns` is without the start of the tool."""
    sent = max(outcome.sent, outcome.requests + sum(outcome.failures.values()))
    return {
        "requests": outcome.requests,
        "mean_us": outcome.mean_us if outcome.requests else None,
        "failures": outcome.failures,
        "positions": tuple(range(len(outcome.latency_us))),
        "start_ns": (0,) * len(outcome.latency_us),  # unknown
        "latency_ns": tuple(round(1000 * us) for us in outcome.latency_us),
        "percentiles_us": outcome.percentiles_us,
        "interval_us": 1e6 * outcome.duration_s / outcome.requests if outcome.requests else None,
        "wall_ns": round(1e9 * outcome.duration_s * (settle + sent) / max(1, sent)),
        "cpu_requests": settle + sent,
    }
