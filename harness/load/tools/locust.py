"""locust: unrounded times (locust itself rounds to ms); includes connect time; high client overhead."""

from collections.abc import Mapping
from pathlib import Path

from harness.model import LoadTool, Settings, Target, ToolResult
from harness.model.tools import script_input

_SCRIPT = Path(__file__).parents[1] / "scripts" / "locust_file.py"
_RESOLUTION_US = 0.001


def _command(program: str, target: Target, settings: Settings, directory: Path) -> list[str]:
    users = str(settings.connections)
    quiet = ["--headless", "--only-summary", "--skip-log", "--exit-code-on-error", "0"]
    return [program, "-f", str(_SCRIPT), *quiet, "-u", users, "-r", users]


def _files(target: Target, settings: Settings) -> Mapping[str, str]:
    amounts = {
        "connections": settings.connections,
        "requests": settings.tool_requests,
        "seconds": settings.tool_seconds,
    }
    return script_input(target, amounts)


def _read_result(directory: Path) -> ToolResult:
    return ToolResult.from_script_output("locust", directory / "outcome.json", _RESOLUTION_US)


PLUGIN = LoadTool(
    program="locust",
    version=("--version",),
    install="pip install locust, best into an environment of its own; in a checkout, scripts/setup tools installs it.",
    command=_command,
    read_result=_read_result,
    files=_files,
    start_s=1.5,
)
