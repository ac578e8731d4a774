"""Command lines that resume or repeat a run."""

import shlex

from harness.model import Summary

NAME = "barehop"


def completing(summary: Summary, directory: str, command: str = NAME) -> str:
    """Return the command that resumes the run in `directory`."""
    return f"{command} run --resume {shlex.quote(directory)}{_allowed(summary)}"


def repeating(summary: Summary, experiment: str, command: str = NAME) -> str:
    """Return the command that repeats the run, with its overrides."""
    overridden = "".join(f" --set {shlex.quote(override)}" for override in summary.overrides)
    return f"{command} run {shlex.quote(experiment)}{overridden}{_allowed(summary)}"


def _allowed(summary: Summary) -> str:
    return " --allow-global" if summary.allow_global else ""
