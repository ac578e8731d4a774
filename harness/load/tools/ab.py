"""ApacheBench: HTTP/1.0, reads each answer to the end of its connection; does not detect truncated bodies."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from harness.imports.formats.ab import parse_output, parse_percentiles_us
from harness.imports.text import collapse_blanks
from harness.model import LoadTool, Settings, Target, ToolResult
from harness.model.tools import read_tool_file

_PERCENTILES = "percentiles.csv"
_BODY = "body"
_MAX_HEAD_BYTES = 7500  # ab has 8192 bytes for the head of a request, with its own headers
_REQUESTS_PER_S = 50_000  # more than a connection can do, so that only time ends a run by time


def _command(program: str, target: Target, settings: Settings, directory: Path) -> list[str]:
    keepalive = ["-k"] if target.keepalive else []
    connections = str(settings.connections)
    timeout_s = str(math.ceil(target.timeout_s))  # in whole seconds only
    # -l: the body's length varies. -e: the only output finer than a millisecond.
    options = ["-q", "-l", "-s", timeout_s, "-c", connections, "-e", str(directory / _PERCENTILES), *keepalive]
    return [program, *_amount(settings), *options, *_request(target, directory), target.url]


def _request(target: Target, directory: Path) -> list[str]:
    """Return the options of the request. -T belongs to -p, and -m comes after -p, because -p alone means POST."""
    request = target.request
    headers = dict(request.all_headers)
    kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    body = ["-p", str(directory / _BODY), "-T", kind] if request.body else []
    method = ["-m", request.method] if request.method not in ("GET", "POST" if body else "GET") else []
    empty = ["Content-Length: 0"] if request.has_length and not body else []
    lines = (f"{name}: {value}" for name, value in headers.items() if not body or name.lower() != "content-type")
    return [*body, *method, *(word for line in (*target.host_override, *lines, *empty) for word in ("-H", line))]


def _files(target: Target, settings: Settings) -> Mapping[str, str]:
    return {_BODY: target.request.body.decode()} if target.request.body else {}


def _refuses(settings: Settings) -> Iterator[str]:
    head_bytes = len(settings.path) + sum(len(name) + len(value) + 4 for name, value in settings.headers.items())
    if head_bytes > _MAX_HEAD_BYTES:
        yield (
            f'tool = "ab" excludes headers and a path of {head_bytes} bytes, because it sends at most '
            f"{_MAX_HEAD_BYTES}. Send less, or choose another tool."
        )


def _amount(settings: Settings) -> list[str]:
    if not settings.tool_seconds:
        return ["-n", str(settings.tool_requests)]
    seconds = math.ceil(settings.tool_seconds)
    # -t implies -n 50000 unless -n comes after it.
    return ["-t", str(seconds), "-n", str(seconds * _REQUESTS_PER_S)]


def _read_result(directory: Path) -> ToolResult:
    printed = parse_output(collapse_blanks(read_tool_file("ab", directory / "stdout.txt")))
    percentiles_us = parse_percentiles_us(read_tool_file("ab", directory / _PERCENTILES))
    exact_us = _actual_percentiles(percentiles_us, printed.sent)
    return replace(printed, percentiles_us=exact_us, resolution_us=1.0, sent=0)


def _actual_percentiles(percentiles_us: dict[float, float], times: int) -> dict[float, float]:
    """Return the percentiles that are one of so many `times`: for others below 100 ab reads beyond its array."""
    return {
        percent: us for percent, us in percentiles_us.items() if percent == 100 or 0.5 + times * percent / 100 < times
    }


PLUGIN = LoadTool(
    program="ab",
    version=("-V",),
    install="It is in the package apache2-utils (apt, apk), httpd-tools (dnf) or apache (pacman); in a checkout, "
    "scripts/setup tools unpacks it.",
    command=_command,
    read_result=_read_result,
    files=_files,
    setting_problems=_refuses,
)
