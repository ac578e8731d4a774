"""wrk: times in whole microseconds, without the time to connect and without the samples that wrk adds itself.

Before it prints, wrk adds samples to its histogram to correct for coordinated omission (`stats_correct`); the outcome
is without these. The times include those of failed statuses. wrk has no timeouts, except for late answers, and no
number of requests: our script ends the run, or its duration if answers are missing.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from harness.imports.numbers import JsonObject
from harness.model import LoadTool, Settings, Target, ToolResult
from harness.model.tools import BODY_FILE, header_options, read_tool_file

_SCRIPT = Path(__file__).parents[1] / "scripts" / "wrk.lua"
_RESOLUTION_US = 1.0
_FIGURES = ("connections", "limit", "sent", "complete", "duration_us", "timeout", "status", "connect", "read", "write")
_SLOWEST_REQUEST_S = 0.1  # assumed for the duration of a run by count: wrk needs a duration
_LONGEST_TIMEOUT_S = 100  # wrk has a counter for each microsecond of it


def _command(program: str, target: Target, settings: Settings, directory: Path) -> list[str]:
    connections, timeout_s = str(settings.connections), math.ceil(target.timeout_s)
    by_count_s = timeout_s + _SLOWEST_REQUEST_S * settings.tool_requests
    limit = 0 if settings.tool_seconds else settings.tool_requests
    # One thread: wrk opens connections / threads by integer division in each.
    options = ["-t", "1", "-c", connections, "-d", str(math.ceil(settings.tool_seconds or by_count_s))]
    closing = [] if target.keepalive else ["-H", "Connection: close"]
    lines = header_options(*target.host_override, *target.request.header_lines)
    script = ["--timeout", str(timeout_s), *closing, *lines, "-s", str(_SCRIPT)]
    return [program, *options, *script, target.url, "--", str(limit), connections, *_request(target, directory)]


def _request(target: Target, directory: Path) -> list[str]:
    """Return the third and fourth argument of the script: the method, and the file of the body."""
    request = target.request
    body = [str(directory / BODY_FILE)] if request.has_length else []
    return [request.method, *body] if body or request.method != "GET" else []


def _setting_problems(settings: Settings) -> Iterator[str]:
    if settings.timeout_s > _LONGEST_TIMEOUT_S:
        yield (
            f'tool = "wrk" excludes timeout_s = {settings.timeout_s:g}, because wrk needs memory for each microsecond '
            f"of it. Set timeout_s to {_LONGEST_TIMEOUT_S} or less."
        )


def _read_result(directory: Path) -> ToolResult:
    """Return the result; its times include those of failed statuses, which wrk does not separate."""
    *_, last = read_tool_file("wrk", directory / "stdout.txt").splitlines() or [""]
    try:
        report = JsonObject.parse(last)
        figures = {name: report.count(name) for name in _FIGURES}
        histogram = {int(us): int(count) for us, count in report.value("histogram")}
    except (ValueError, TypeError) as error:
        raise ValueError(f"wrk's line of JSON is not what our script prints: {error}.") from error
    in_time = figures["complete"] - figures["timeout"]
    per_connection = figures["complete"] // max(figures["connections"], 1)
    # In integer arithmetic, as in wrk; with 0 it adds no samples.
    expected_us = figures["duration_us"] // per_connection if per_connection else 0
    counts = _remove_added_samples(histogram, expected_us)
    if sum(counts.values()) != in_time:
        raise ValueError(f"wrk's histogram holds {sum(counts.values())} answers in time instead of {in_time}.")
    unanswered = figures["sent"] - figures["complete"] - figures["read"] - figures["write"] if figures["limit"] else 0
    failures = {kind: figures[kind] for kind in ("timeout", "connect", "read", "write")}
    failures |= {"status over 399": figures["status"], "no answer": max(unanswered, 0)}
    right = max(in_time - figures["status"], 0)
    rising_us = [us for us, count in sorted(counts.items()) for _ in range(count)] if right else []
    of_all = ToolResult.from_times(rising_us, failures, figures["duration_us"] / 1e6, _RESOLUTION_US)
    return replace(of_all, requests=right, latency_us=())


def _remove_added_samples(counts: dict[int, int], expected_us: int) -> dict[int, int]:
    """Undo `stats_correct` of wrk's stats.c.

    For each time t of at least 2e, with e the expected time, wrk adds t - e, t - 2e, ... as long as these exceed e.
    From the greatest time down, each count is free of samples added for greater times.
    """
    left = dict(counts)
    for us in sorted(counts, reverse=True):
        if expected_us and us >= 2 * expected_us:
            for added in range(us - expected_us, expected_us, -expected_us):
                left[added] = left.get(added, 0) - left[us]
    if any(count < 0 for count in left.values()):
        raise ValueError("wrk's histogram lacks samples that wrk adds for slow requests.")
    return left


PLUGIN = LoadTool(
    program="wrk",
    version=("-v",),
    install="It is in the package wrk of most distributions; in a checkout, scripts/setup tools unpacks it.",
    command=_command,
    read_result=_read_result,
    picks_request_count=True,
    setting_problems=_setting_problems,
)
