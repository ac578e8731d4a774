"""h2load over HTTP/1.1: us resolution; excludes connect time; drops a connection at its first failure."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.imports.formats.h2load import parse_counts
from harness.model import LoadTool, Settings, Target, ToolResult
from harness.model.tools import read_tool_file

_LOG, _BODY = "requests.tsv", "body"
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
    body = ["-d", str(directory / _BODY)] if request.body else []
    empty = ["content-length: 0"] if request.has_length and not body else []
    method = [f":method: {request.method}"] if request.method != "GET" else []
    host = [f":authority: {target.host_header}"] if target.host_override else []
    return [*body, *(word for line in (*method, *host, *request.header_lines, *empty) for word in ("-H", line))]


def _files(target: Target, settings: Settings) -> Mapping[str, str]:
    return {_BODY: target.request.body.decode()} if target.request.body else {}


def _refuses(settings: Settings) -> Iterator[str]:
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
    right_us = [us for _, status, us in rows if 200 <= status < 300]
    failures = Counter(f"status {status}" for _, status, _ in rows if not 200 <= status < 300)
    began_us = min((begin_us for begin_us, _, _ in rows), default=0)
    ended_us = max((begin_us + us for begin_us, _, us in rows), default=0)
    return ToolResult.from_times(
        right_us, failures + _failure_counts(counts), (ended_us - began_us) / 1e6, _RESOLUTION_US
    )


def _failure_counts(counts: dict[str, int]) -> Counter[str]:
    """Return the errored requests by kind: that on which a connection broke, and all pending ones on it."""
    if not counts["errored"]:
        return Counter()
    if not counts["started"]:
        return Counter({"connect": counts["errored"]})
    started = min(counts["started"] - counts["done"], counts["errored"])
    silent = min(counts["timeout"], started)
    return Counter({"timeout": silent, "no whole answer": started - silent, "not sent": counts["errored"] - started})


def _rows(text: str) -> list[tuple[int, int, int]]:
    """Return (start in us since the epoch, status, time in us) of every answered request."""
    if text and not text.endswith("\n"):
        raise ValueError(f"{_LOG} ends within a line.")
    try:
        rows = [tuple(map(int, line.split("\t")[:3])) for line in text.splitlines()]
        return [(begin_us, status, us) for begin_us, status, us in rows]
    except ValueError as error:
        raise ValueError(f"{_LOG} has a line that is not three whole numbers: {error}.") from error


PLUGIN = LoadTool(
    program="h2load",
    version=("--version",),
    install="It is in the package nghttp2-client (apt) or nghttp2 (dnf, apk, zypper); in a checkout, scripts/setup "
    "tools unpacks it.",
    command=_command,
    read_result=_read_result,
    files=_files,
    setting_problems=_refuses,
)
