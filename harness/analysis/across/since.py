"""The changes on a machine since a run began, and whether they prevent the run from being resumed."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.analysis.across.circumstances import lasting_of
from harness.analysis.across.contrast import Contrast, contrasts, contrasts_by_part
from harness.analysis.across.serving import are_known, serving_trees

# A run cannot continue after a change of these.
DECISIVE = (
    "kernel.", "cpus.models", "cpus.online", "cpus.allowed", "cpus.topology", "cgroup.cpu_limit", "virtual.machine",
    "python.version", "python.implementation", "programs.", "environment.", "serving.",
)  # fmt: skip
# Except these: they belong to the shell, or affect no server.
MILD = ("environment.LANG", "environment.LC_", "environment.TZ")
# Checked by other doubts in each session, or irrelevant to the measurement.
LEFT_TO_OTHERS = ("sysctls.", "clock.", "cpus.frequency", "python.distributions", "network.interfaces", "scheduler.")
LONGEST = 60  # characters of a value


def changes_since(then: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Contrast, ...]:
    """Return the lasting facts of host.json that changed; a fact that was not recorded has not changed."""
    machine = contrasts_by_part([lasting_of(host, servers_apart=are_known([then, now])) for host in (then, now)])
    differences = [*machine, *contrasts(serving_trees([then, now]))]
    return tuple(change for change in differences if not change.field.startswith(LEFT_TO_OTHERS))


def is_decisive(change: Contrast) -> bool:
    """Whether the change prevents the run from being resumed."""
    return change.field.startswith(DECISIVE) and not change.field.startswith(MILD)


def describe(changes: Sequence[Contrast]) -> list[str]:
    """Return texts like `kernel.release was 6.1.0 and is 6.12.1 now.`"""
    return [
        f"{change.field} was {_brief(change.values[0])} and is {_brief(change.values[1])} now." for change in changes
    ]


def _brief(value: str | None) -> str:
    if value is None:
        return "absent"
    text = value or '""'
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
