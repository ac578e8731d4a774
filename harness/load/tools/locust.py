"""locust: unrounded times (locust itself rounds to ms); includes connect time; high client overhead."""

import json
from collections.abc import Mapping
from pathlib import Path

from harness.model import LoadTool, Settings, Target, ToolResult
from harness.model.http import MAX_BODY_BYTES

_REQUEST_FILE, _FILE = "asked.json", "outcome.json"
_SCRIPT = Path(__file__).parents[1] / "scripts" / "locust_file.py"
_RESOLUTION_US = 0.001


def _command(program: str, target: Target, settings: Settings, directory: Path) -> list[str]:
    users = str(settings.connections)
    quiet = ["--headless", "--only-summary", "--skip-log", "--exit-code-on-error", "0"]
    return [program, "-f", str(_SCRIPT), *quiet, "-u", users, "-r", users]


def _files(target: Target, settings: Settings) -> Mapping[str, str]:
    content = {
        "url": target.url,
        "connections": settings.connections,
        "requests": settings.tool_requests,
        "seconds": settings.tool_seconds,
        "timeout_s": target.timeout_s,
        "most_body_bytes": MAX_BODY_BYTES,
        "status": target.expected_answer.status if target.expected_answer else None,
        "keepalive": target.keepalive,
        "method": target.request.method,
        "headers": {**_host(target), **dict(target.request.all_headers)},
        "body": target.request.body.decode() if target.request.has_length else None,
        "authority": str(target.ca_file.absolute()) if target.ca_file else None,
    }
    return {_REQUEST_FILE: json.dumps(content)}


def _host(target: Target) -> dict[str, str]:
    return {"Host": target.host_header} if target.host_override else {}


def _outcome(directory: Path) -> ToolResult:
    return ToolResult.from_script_output("locust", directory / _FILE, _RESOLUTION_US)


PLUGIN = LoadTool(
    program="locust",
    version=("--version",),
    install="pip install locust, best into an environment of its own; in a checkout, scripts/setup tools installs it.",
    command=_command,
    read_result=_outcome,
    files=_files,
    start_s=1.5,
)
