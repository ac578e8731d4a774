"""wrk: us resolution; excludes connect time, and the samples that wrk adds for slow requests.

Before it prints, wrk adds samples to its histogram to correct for coordinated omission (`stats_correct`); the outcome
is without these. The times include those of failed statuses. wrk has no timeouts, except for late answers, and no
number of requests: our script ends the run, or its duration if answers are missing.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.model import LoadTool, Settings, Target, ToolResult
from harness.model.tools import read_tool_file

_BODY = "body"
_SCRIPT = Path(__file__).parents[1] / "scripts" / "wrk.lua"
_RESOLUTION_US = 1.0
_SLOWEST_REQUEST_S = 0.1  # assumed for the duration of a run by count: wrk needs a duration
_LONGEST_TIMEOUT_S = 100  # wrk has a counter for each microsecond of it


def _command(program: str, target: Target, settings: Settings, directory: Path) -> list[str]:
    connections, timeout_s = str(settings.connections), math.ceil(target.timeout_s)
    by_count_s = timeout_s + _SLOWEST_REQUEST_S * settings.tool_requests
    limit = 0 if settings.tool_seconds else settings.tool_requests
    # One thread: wrk opens connections / threads by integer division in each.
    options = ["-t", "1", "-c", connections, "-d", str(math.ceil(settings.tool_seconds or by_count_s))]
    closing = [] if target.keepalive else ["-H", "Connection: close"]
    lines = [word for line in (*target.host_override, *target.request.header_lines) for word in ("-H", line)]
    script = ["--timeout", str(timeout_s), *closing, *lines, "-s", str(_SCRIPT)]
    return [program, *options, *script, target.url, "--", str(limit), connections, *_request(target, directory)]


def _request(target: Target, directory: Path) -> list[str]:
    """Return the third and fourth argument of the script: the method, and the file of the body."""
    request = target.request
    body = [str(directory / _BODY)] if request.has_length else []
    return [request.method, *body] if body or request.method != "GET" else []


def _files(target: Target, settings: Settings) -> Mapping[str, str]:
    return {_BODY: target.request.body.decode()} if target.request.has_length else {}


def _refuses(settings: Settings) -> Iterator[str]:
    if settings.timeout_s > _LONGEST_TIMEOUT_S:
        yield (
            f'tool = "wrk" excludes timeout_s = {settings.timeout_s:g}, because wrk needs memory for each microsecond '
            f"of it. Set timeout_s to {_LONGEST_TIMEOUT_S} or less."
        )


def _outcome(directory: Path) -> ToolResult:
    try:
        return _outcome_of(_figures(directory / "stdout.txt"))
    except (KeyError, TypeError, ZeroDivisionError) as error:
        raise ValueError(f"wrk's line of JSON is not what our script prints: {error!r}.") from error


def _figures(path: Path) -> dict[str, Any]:
    *_, last = read_tool_file("wrk", path).splitlines() or [""]
    try:
        figures = json.loads(last)
    except ValueError as error:
        raise ValueError(f"The last line of wrk's output is not JSON: {last[:80]!r}.") from error
    if not isinstance(figures, dict):
        raise ValueError(f"The last line of wrk's output is not a JSON object: {last[:80]!r}.")
    return figures


def _outcome_of(figures: dict[str, Any]) -> ToolResult:
    """Return the outcome; its times include those of failed statuses, which wrk does not separate."""
    complete, late, status = figures["complete"], figures["timeout"], figures["status"]
    counts = _remove_added_samples(dict(map(tuple, figures["histogram"])), _expected_us(figures))
    if sum(counts.values()) != complete - late:
        raise ValueError(f"wrk's histogram holds {sum(counts.values())} answers in time of {complete} less {late}.")
    broken = {kind: figures[kind] for kind in ("connect", "read", "write")}
    unanswered = figures["sent"] - complete - figures["read"] - figures["write"] if figures["limit"] else 0
    failures = {"status over 399": status, "timeout": late, "no answer": max(unanswered, 0), **broken}
    right = max(complete - late - status, 0)
    rising_us = [us for us, count in sorted(counts.items()) for _ in range(count)] if right else []
    of_all = ToolResult.from_times(rising_us, failures, figures["duration_us"] / 1e6, _RESOLUTION_US)
    return replace(of_all, requests=right, latency_us=())


def _expected_us(figures: dict[str, Any]) -> int:
    """Return wrk's expected time of a request, in integer arithmetic as in wrk; 0 if it adds no samples."""
    per_connection = figures["complete"] // figures["connections"]
    return int(figures["duration_us"] // per_connection) if per_connection else 0


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
    read_result=_outcome,
    picks_request_count=True,
    files=_files,
    setting_problems=_refuses,
)
