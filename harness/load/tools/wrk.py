"""wrk: microseconds, without connecting and without the samples that wrk adds for slow requests.

Before it prints, wrk adds to its histogram what it supposes that slow requests kept others from (`stats_correct`); the
outcome is without these. Among its times are those of failed statuses. It knows neither timeouts, but for answers that
come late, nor numbers of requests: our script ends the run, or the clock does when answers stay out.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.model import LoadTool, Outcome, Settings, Target
from harness.model.outcome import left_text

_BODY = "body"
_SCRIPT = Path(__file__).parents[1] / "scripts" / "wrk.lua"
_RESOLUTION_US = 1.0
_SLOWEST_REQUEST_S = 0.1  # wrk knows an end in time only: after as long as so slow requests take
_LONGEST_TIMEOUT_S = 100  # wrk keeps a counter for each microsecond of it


def _command(program: str, target: Target, settings: Settings, directory: Path) -> list[str]:
    connections, timeout_s = str(settings.connections), math.ceil(target.timeout_s)
    by_count_s = timeout_s + _SLOWEST_REQUEST_S * settings.tool_requests
    limit = 0 if settings.tool_seconds else settings.tool_requests
    # One thread: wrk opens connections / threads by integer division in each.
    options = ["-t", "1", "-c", connections, "-d", str(math.ceil(settings.tool_seconds or by_count_s))]
    closing = [] if target.keepalive else ["-H", "Connection: close"]
    lines = [word for line in (*target.written_host, *target.request.lines) for word in ("-H", line)]
    script = ["--timeout", str(timeout_s), *closing, *lines, "-s", str(_SCRIPT)]
    return [program, *options, *script, target.url, "--", str(limit), connections, *_request(target, directory)]


def _request(target: Target, directory: Path) -> list[str]:
    """The script's third and fourth argument: the method, and the file of the body."""
    request = target.request
    body = [str(directory / _BODY)] if request.has_length else []
    return [request.method, *body] if body or request.method != "GET" else []


def _files(target: Target, settings: Settings) -> Mapping[str, str]:
    return {_BODY: target.request.body.decode()} if target.request.has_length else {}


def _refuses(settings: Settings) -> Iterator[str]:
    if settings.timeout_s > _LONGEST_TIMEOUT_S:
        yield (
            f'tool = "wrk" excludes timeout_s = {settings.timeout_s:g}, because wrk takes memory for each microsecond '
            f"of it. Set timeout_s to {_LONGEST_TIMEOUT_S} or less."
        )


def _outcome(directory: Path) -> Outcome:
    found = _figures(directory / "stdout.txt")
    try:
        return _outcome_of(found)
    except (KeyError, TypeError, ZeroDivisionError) as error:
        raise ValueError(f"wrk's line of JSON is not what our script prints: {error!r}.") from error


def _figures(path: Path) -> dict[str, Any]:
    *_, last = left_text("wrk", path).splitlines() or [""]
    try:
        found = json.loads(last)
    except ValueError as error:
        raise ValueError(f"The last line of wrk's output is not JSON: {last[:80]!r}.") from error
    if not isinstance(found, dict):
        raise ValueError(f"The last line of wrk's output is no JSON object: {last[:80]!r}.")
    return found


def _outcome_of(found: dict[str, Any]) -> Outcome:
    """Failed statuses have their times among the others: wrk does not tell whose they are."""
    complete, late, status = found["complete"], found["timeout"], found["status"]
    counts = _without_added(dict(map(tuple, found["histogram"])), _expected_us(found))
    if sum(counts.values()) != complete - late:
        raise ValueError(f"wrk's histogram holds {sum(counts.values())} answers in time of {complete} less {late}.")
    broken = {kind: found[kind] for kind in ("connect", "read", "write")}
    unanswered = found["sent"] - complete - found["read"] - found["write"] if found["limit"] else 0
    failures = {"status over 399": status, "timeout": late, "no answer": max(unanswered, 0), **broken}
    right = max(complete - late - status, 0)
    rising_us = [us for us, count in sorted(counts.items()) for _ in range(count)] if right else []
    of_all = Outcome.of_times(rising_us, failures, found["duration_us"] / 1e6, _RESOLUTION_US)
    return replace(of_all, requests=right, latency_us=())


def _expected_us(found: dict[str, Any]) -> int:
    """The time of one request, as wrk calculates it in whole numbers before it adds samples; 0: it adds none."""
    each = found["complete"] // found["connections"]
    return int(found["duration_us"] // each) if each else 0


def _without_added(counts: dict[int, int], expected_us: int) -> dict[int, int]:
    """Undo `stats_correct` of wrk's stats.c, which for each time of at least twice what is expected adds that time less
    once, twice, ... what is expected, as long as more than that is left. Taken from the greatest time down, each count
    is free of what was added for greater ones.
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
    outcome=_outcome,
    own_amount=True,
    files=_files,
    refuses=_refuses,
)
