"""ApacheBench: HTTP/1.0, reads each answer to the end of its connection; does not detect truncated bodies."""

import csv
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.model import LoadTool, Settings, Target, ToolResult
from harness.model.plugins import read_tool_file

_PERCENTILES = "percentiles.csv"
_HEADER = ["Percentage served", "Time in ms"]
_LAST_PERCENTILES = (99, 100)  # the last one depends on the release
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


def _outcome(directory: Path) -> ToolResult:
    text = read_tool_file("ab", directory / "stdout.txt")
    complete = int(_figure(text, "Complete requests"))
    failures = _failures(text)
    not_connected = failures.get("connect", 0) + failures.get("exceptions", 0)  # ab does not complete these
    return ToolResult(
        requests=complete - sum(failures.values()) + not_connected,
        failures=failures,
        duration_s=float(_figure(text, "Time taken for tests")),
        mean_us=1000 * float(_figure(text, "Time per request")),
        percentiles_us=_actual_percentiles(_percentiles_us(read_tool_file("ab", directory / _PERCENTILES)), complete),
        resolution_us=1.0,
    )


def _figure(text: str, label: str) -> str:
    match = re.search(rf"^{label}:\s+([\d.]+)", text, re.MULTILINE)
    if match is None:
        raise ValueError(f"ab's output has no line {label!r}; it has {len(text.splitlines())} lines.")
    return match[1]


def _failures(text: str) -> dict[str, int]:
    """Return the failures by kind: ab's words in lower case, and its "Non-2xx responses"."""
    kinds = re.search(r"^\s+\((Connect: .*)\)$", text, re.MULTILINE)
    counts = {kind.lower(): int(n) for kind, n in re.findall(r"(\w+): (\d+)", kinds[1])} if kinds else {}
    not_2xx = re.search(r"^Non-2xx responses:\s+(\d+)", text, re.MULTILINE)
    counts["status not 2xx"] = int(not_2xx[1]) if not_2xx else 0
    if not kinds and int(_figure(text, "Failed requests")):
        raise ValueError("ab's output counts failed requests but does not say of which kind.")
    return {kind: count for kind, count in counts.items() if count}


def _percentiles_us(text: str) -> dict[float, float]:
    header, *rows = list(csv.reader(text.splitlines())) or [[]]
    try:
        percentiles_us = {float(percent): 1000 * float(time_ms) for percent, time_ms in rows}
    except ValueError as error:
        raise ValueError(f"{_PERCENTILES} has a row that is not two numbers: {error}.") from error
    last = len(rows) - 1
    if header != _HEADER or last not in _LAST_PERCENTILES or list(percentiles_us) != list(range(last + 1)):
        raise ValueError(f"{_PERCENTILES} has {len(rows)} rows under {header}, not one for each percentile.")
    return percentiles_us


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
    read_result=_outcome,
    files=_files,
    setting_problems=_refuses,
)
