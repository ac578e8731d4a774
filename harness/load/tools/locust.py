"""locust: unrounded times (locust itself rounds to ms); includes connect time; high client overhead."""

from functools import partial
from pathlib import Path

from harness.model import LoadTool, Settings, Target, ToolResult
from harness.model.tools import script_input

_SCRIPT = Path(__file__).parents[1] / "scripts" / "locust_file.py"


def _command(program: str, target: Target, settings: Settings, directory: Path) -> list[str]:
    users = str(settings.connections)
    quiet = ["--headless", "--only-summary", "--skip-log", "--exit-code-on-error", "0"]
    return [program, "-f", str(_SCRIPT), *quiet, "-u", users, "-r", users]


PLUGIN = LoadTool(
    program="locust",
    version=("--version",),
    install="pip install locust, best into an environment of its own; in a checkout, scripts/setup tools installs it.",
    command=_command,
    read_result=partial(ToolResult.from_script_output, "locust"),
    files=script_input,
    start_s=1.5,
)
