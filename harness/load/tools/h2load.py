"""h2load over HTTP/1.1: us resolution; excludes connect time; drops a connection at its first failure."""

import math
from collections.abc import Iterator
from pathlib import Path

from harness.imports.formats.h2load import parse_counts
from harness.imports.numbers import TimedAnswer, result_of_answers
from harness.model import LoadTool, Settings, Target, ToolResult
from harness.model.tools import BODY_FILE, header_options, read_tool_file

_LOG = "requests.tsv"
_RESOLUTION_US = 1.0


def _command(program: str, target: Target, settings: Settings, directory: Path) -> list[str]:
    amount = ["-D", f"{math.ceil(1000 * settings.tool_seconds)}ms"]
    if not settings.tool_seconds:
        amount = ["-n", str(settings.tool_requests)]
    closing = [] if target.keepalive else ["-H", "Connection: close"]
    one_by_one = ["-c", str(settings.connections), "-t", "1", "-m", "1"]
    patience = ["-N", f"{math.ceil(1000 * target.timeout_s)}ms"]
    options = [*amount, *one_by_one, *patience, *closing, *_request(target, directory)]
    return [program, "--h1", *options, f"--log-file={directory / _LOG}", target.url]


def _request(target: Target, directory: Path) -> list[str]:
    request = target.request
    body = ["-d", str(directory / BODY_FILE)] if request.body else []
    empty = ["content-length: 0"] if request.has_length and not body else []
    method = [f":method: {request.method}"] if request.method != "GET" else []
    host = [f":authority: {target.host_header}"] if target.host_override else []
    return [*body, *header_options(*method, *host, *request.header_lines, *empty)]


def _setting_problems(settings: Settings) -> Iterator[str]:
    if settings.tool_seconds and not settings.client_keepalive:
        yield (
            f'tool = "h2load" excludes tool_seconds = {settings.tool_seconds:g} without client_keepalive, because a '
            "run by time does not end when the server closes its connections. Set tool_requests instead."
        )


def _read_result(directory: Path) -> ToolResult:
    counts = parse_counts(read_tool_file("h2load", directory / "stdout.txt"))
    rows = _rows(read_tool_file("h2load", directory / _LOG))
    if len(rows) != counts["done"]:
        raise ValueError(f"h2load says that {counts['done']} requests were done, but {_LOG} has {len(rows)}.")
    return result_of_answers(rows, _RESOLUTION_US, _failure_counts(counts))


def _failure_counts(counts: dict[str, int]) -> dict[str, int]:
    """Return the errored requests by kind: that on which a connection broke, and all pending ones on it."""
    if not counts["started"]:
        return {"connect": counts["errored"]}
    started = min(counts["started"] - counts["done"], counts["errored"])
    silent = min(counts["timeout"], started)
    return {"timeout": silent, "no whole answer": started - silent, "not sent": counts["errored"] - started}


def _rows(text: str) -> list[TimedAnswer]:
    """Return every answered request; it starts so many us after the epoch."""
    if text and not text.endswith("\n"):
        raise ValueError(f"{_LOG} ends within a line.")
    try:
        rows = [tuple(map(int, line.split("\t")[:3])) for line in text.splitlines()]
        return [TimedAnswer(begin_us, us, status) for begin_us, status, us in rows]
    except ValueError as error:
        raise ValueError(f"{_LOG} has a line that is not three whole numbers: {error}.") from error


PLUGIN = LoadTool(
    program="h2load",
    version=("--version",),
    install="It is in the package nghttp2-client (apt) or nghttp2 (dnf, apk, zypper); in a checkout, scripts/setup "
    "tools unpacks it.",
    command=_command,
    read_result=_read_result,
    setting_problems=_setting_problems,
)
