"""Run an external load tool and read its outcome."""

import shlex
from collections.abc import Callable
from pathlib import Path

from harness.errors import LoadError
from harness.lab.logs import tail
from harness.lab.process import run_to_end
from harness.model import LoadTool, Outcome, Settings, Target

_START_S = 30.0
_SLOWEST_REQUEST_S = 0.1


def visit_outside(  # noqa: PLR0913 - a tool, its input, and when
    tool: LoadTool,
    program: str,
    target: Target,
    settings: Settings,
    directory: Path,
    just_before: Callable[[], object] = lambda: None,
) -> Outcome:
    """Run `tool` once; its files go to `directory`, which is emptied before. Raises LoadError if it fails.

    `just_before` is called as late as possible before it starts.
    """
    directory = directory.absolute()
    _empty(directory)
    for name, text in tool.files(target, settings).items():
        (directory / name).write_text(text, encoding="utf-8")
    argv = tool.command(program, target, settings, directory)
    exit_code = run_to_end(argv, directory, _patience_s(settings) + target.timeout_s, just_before)
    if exit_code:
        message = _last_line(directory / "stderr.txt")
        raise LoadError(f"{program} ended with exit code {exit_code}: {message}. {_advice(argv, directory)}")
    try:
        outcome = tool.outcome(directory)
    except ValueError as error:
        raise LoadError(f"The output of {program} cannot be read. {error} {_advice(argv, directory)}") from error
    if not tool.own_amount:
        _check_complete(outcome, settings, program, directory)
    return outcome


def _empty(directory: Path) -> None:
    """Create `directory`, without the files of an earlier run: some tools append, some may end without writing."""
    directory.mkdir(parents=True, exist_ok=True)
    for path in directory.iterdir():
        if path.is_file():
            path.unlink()


def _patience_s(settings: Settings) -> float:
    """Return a time limit that only a hanging tool exceeds."""
    return _START_S + (2 * settings.tool_seconds or _SLOWEST_REQUEST_S * settings.tool_requests)


def _last_line(path: Path) -> str:
    lines = tail(path).split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "no message")


def _advice(argv: list[str], directory: Path) -> str:
    return f"Its output is in {directory}; to reproduce it while the servers run: {shlex.join(argv)}"


def _check_complete(outcome: Outcome, settings: Settings, program: str, directory: Path) -> None:
    done = outcome.requests + sum(outcome.failures.values())
    if not settings.tool_seconds and done < settings.tool_requests:
        raise LoadError(
            f"{program} made only {done} of {settings.tool_requests} requests. See its output in {directory}."
        )
