"""molotov: us resolution by barehop's script, because molotov has no timer; includes connect time; high overhead."""

import math
from functools import partial
from pathlib import Path

from harness.model import LoadTool, Settings, Target, ToolResult
from harness.model.tools import script_input

_SCRIPT = Path(__file__).parents[1] / "scripts" / "molotov_scenario.py"


def _command(program: str, target: Target, settings: Settings, directory: Path) -> list[str]:
    per_worker = math.ceil(settings.tool_requests / settings.connections)
    # A run by time may take up to two seconds longer, because molotov counts whole seconds.
    seconds = math.ceil(settings.tool_seconds)
    amount = ["-d", str(seconds)] if settings.tool_seconds else ["--max-runs", str(per_worker)]
    return [program, "--quiet", "--workers", str(settings.connections), *amount, str(_SCRIPT)]


PLUGIN = LoadTool(
    program="molotov",
    version=("--version",),
    install="pip install molotov, best into an environment of its own; in a checkout, scripts/setup tools installs it.",
    command=_command,
    read_result=partial(ToolResult.from_script_output, "molotov"),
    files=script_input,
    start_s=1.5,
)
