"""The commands that continue a run or make it again, as one would type them."""

import shlex

from harness.model import Summary


def completing(summary: Summary, directory: str) -> str:
    return f"barehop run --resume {shlex.quote(directory)}{_allowed(summary)}"


def repeating(summary: Summary, experiment: str) -> str:
    """With everything that the command line said of what is measured."""
    overridden = "".join(f" --set {shlex.quote(override)}" for override in summary.overrides)
    return f"barehop run {shlex.quote(experiment)}{overridden}{_allowed(summary)}"


def _allowed(summary: Summary) -> str:
    return " --allow-global" if summary.allow_global else ""
