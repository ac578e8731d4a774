"""ApacheBench: HTTP/1.0, reads each answer to the end of its connection; does not detect truncated bodies."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from harness.imports.formats.ab import parse_output, parse_percentiles_us
from harness.imports.text import collapse_blanks
from harness.model import LoadTool, Settings, Target, ToolResult
from harness.model.tools import BODY_FILE, header_options, read_tool_file

_PERCENTILES = "percentiles.csv"
_MAX_HEAD_BYTES = 7500  # ab has 8192 bytes for the head of a request, with its own headers
_REQUESTS_PER_S = 50_000  # more than a connection can do, so that only time ends a run by time


def _command(program: str, target: Target, settings: Settings, directory: Path) -> list[str]:
    amount = ["-n", str(settings.tool_requests)]
    if settings.tool_seconds:
        seconds = math.ceil(settings.tool_seconds)
        amount = ["-t", str(seconds), "-n", str(seconds * _REQUESTS_PER_S)]  # -t implies -n 50000 unless -n comes after
    keepalive = ["-k"] if target.keepalive else []
    timeout = ["-s", str(math.ceil(target.timeout_s))]  # in whole seconds only
    # -l: the body's length varies. -e: the only output finer than a millisecond.
    options = ["-q", "-l", *timeout, "-c", str(settings.connections), "-e", str(directory / _PERCENTILES), *keepalive]
    return [program, *amount, *options, *_request(target, directory), target.url]


def _request(target: Target, directory: Path) -> list[str]:
    """Return the options of the request. -T belongs to -p, and -m comes after -p, because -p alone means POST."""
    request = target.request
    headers = dict(request.all_headers)
    kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    body = ["-p", str(directory / BODY_FILE), "-T", kind] if request.body else []
    method = ["-m", request.method] if request.method not in ("GET", "POST" if body else "GET") else []
    empty = ["Content-Length: 0"] if request.has_length and not body else []
    lines = (f"{name}: {value}" for name, value in headers.items() if not body or name.lower() != "content-type")
    return [*body, *method, *header_options(*target.host_override, *lines, *empty)]


def _setting_problems(settings: Settings) -> Iterator[str]:
    head_bytes = len(settings.path) + sum(len(name) + len(value) + 4 for name, value in settings.headers.items())
    if head_bytes > _MAX_HEAD_BYTES:
        yield (
            f'tool = "ab" excludes headers and a path of {head_bytes} bytes, because it sends at most '
            f"{_MAX_HEAD_BYTES}. Send less, or choose another tool."
        )


def _read_result(directory: Path) -> ToolResult:
    printed = parse_output(collapse_blanks(read_tool_file("ab", directory / "stdout.txt")))
    percentiles_us = parse_percentiles_us(read_tool_file("ab", directory / _PERCENTILES))
    exact_us = {  # for others ab reads beyond its array of times
        percent: us
        for percent, us in percentiles_us.items()
        if percent == 100 or 0.5 + printed.sent * percent / 100 < printed.sent
    }
    return replace(printed, percentiles_us=exact_us, resolution_us=1.0, sent=0)


PLUGIN = LoadTool(
    program="ab",
    version=("-V",),
    install="It is in the package apache2-utils (apt, apk), httpd-tools (dnf) or apache (pacman); in a checkout, "
    "scripts/setup tools unpacks it.",
    command=_command,
    read_result=_read_result,
    setting_problems=_setting_problems,
)
