"""hey: 0.1 ms resolution; includes connect time; does not detect truncated bodies; reports no reasons of failures."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.imports.formats.hey import MAX_RESULTS, RESOLUTION_US, parse_rows
from harness.imports.numbers import JsonObject, result_of_answers
from harness.model import LoadTool, Settings, Target, ToolResult
from harness.model.tools import BODY_FILE, SCRIPT_INPUT, body_file, header_options, read_tool_file


def _requests(settings: Settings) -> int:
    """Return the number of requests, rounded up to a multiple of the connections."""
    return math.ceil(settings.tool_requests / settings.connections) * settings.connections


def _command(program: str, target: Target, settings: Settings, directory: Path) -> list[str]:
    request = target.request
    amount = ["-n", str(_requests(settings)), "-c", str(settings.connections)]
    timeout = ["-t", str(math.ceil(target.timeout_s))]
    closing = [] if target.keepalive else ["-disable-keepalive"]
    host = ["-host", target.host_header] if target.host_override else []
    method = ["-m", request.method] if request.method != "GET" else []
    body = ["-D", str(directory / BODY_FILE)] if request.body else []
    options = [*amount, *timeout, *closing, *host, *method, *body, *header_options(*request.header_lines)]
    return [program, *options, "-disable-redirects", "-o", "csv", target.url]


def _files(target: Target, settings: Settings) -> Mapping[str, str]:
    """Return files with the body, and with the number of requests, because hey's rows omit those without an answer."""
    return {SCRIPT_INPUT: json.dumps({"requests": _requests(settings)}), **body_file(target, settings)}


def _setting_problems(settings: Settings) -> Iterator[str]:
    if any(name.lower() == "user-agent" for name in settings.headers):
        yield 'tool = "hey" excludes a header "User-Agent", because hey sends its own. Leave it out.'
    if settings.tool_seconds:
        yield (
            f'tool = "hey" excludes tool_seconds = {settings.tool_seconds:g}, because failed requests can only be '
            "counted if the number of all requests is known. Set tool_requests instead."
        )
    elif _requests(settings) > MAX_RESULTS:
        yield (
            f'tool = "hey" excludes tool_requests = {settings.tool_requests}, because it prints at most '
            f"{MAX_RESULTS} times. Set fewer."
        )


def _read_result(directory: Path) -> ToolResult:
    requests = JsonObject.parse(read_tool_file("hey", directory / SCRIPT_INPUT)).count("requests")
    rows = parse_rows(read_tool_file("hey", directory / "stdout.txt"))
    if len(rows) > requests:
        raise ValueError(f"hey printed {len(rows)} rows for {requests} requests.")
    return result_of_answers(rows, RESOLUTION_US, {"no answer": requests - len(rows)})


PLUGIN = LoadTool(
    program="hey",
    version=(),
    install="It is in the package hey of Debian and Ubuntu; in a checkout, scripts/setup tools unpacks it.",
    command=_command,
    read_result=_read_result,
    files=_files,
    setting_problems=_setting_problems,
)
