"""molotov: us resolution by barehop's script, because molotov has no timer; includes connect time; high overhead."""

import json
import math
from collections.abc import Mapping
from pathlib import Path

from harness.model import LoadTool, Settings, Target, ToolResult
from harness.model.http import MAX_BODY_BYTES

_REQUEST_FILE, _FILE = "asked.json", "outcome.json"
_SCRIPT = Path(__file__).parents[1] / "scripts" / "molotov_scenario.py"
_RESOLUTION_US = 0.001


def _command(program: str, target: Target, settings: Settings, directory: Path) -> list[str]:
    per_worker = math.ceil(settings.tool_requests / settings.connections)
    # A run by time may take up to two seconds longer, because molotov counts whole seconds.
    seconds = math.ceil(settings.tool_seconds)
    amount = ["-d", str(seconds)] if settings.tool_seconds else ["--max-runs", str(per_worker)]
    return [program, "--quiet", "--workers", str(settings.connections), *amount, str(_SCRIPT)]


def _files(target: Target, settings: Settings) -> Mapping[str, str]:
    content = {
        "url": target.url,
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
    return ToolResult.from_script_output("molotov", directory / _FILE, _RESOLUTION_US)


PLUGIN = LoadTool(
    program="molotov",
    version=("--version",),
    install="pip install molotov, best into an environment of its own; in a checkout, scripts/setup tools installs it.",
    command=_command,
    read_result=_outcome,
    files=_files,
    start_s=1.5,
)
