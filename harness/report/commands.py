"""The commands that continue a run or make it again, as one would type them."""

import shlex

from harness.model import Summary

NAME = "barehop"


def completing(summary: Summary, directory: str, command: str = NAME) -> str:
    return f"{command} run --resume {shlex.quote(directory)}{_allowed(summary)}"


def repeating(summary: Summary, experiment: str, command: str = NAME) -> str:
    """With everything that the command line said of what is measured."""
    overridden = "".join(f" --set {shlex.quote(override)}" for override in summary.overrides)
    return f"{command} run {shlex.quote(experiment)}{overridden}{_allowed(summary)}"


def _allowed(summary: Summary) -> str:
    return " --allow-global" if summary.allow_global else ""
