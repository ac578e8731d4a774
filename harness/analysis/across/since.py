"""What has changed on a machine since a run began there, and what of it keeps the run from going on."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.analysis.across.circumstances import lasting_of
from harness.analysis.across.contrast import Contrast, contrasts, contrasts_by_part
from harness.analysis.across.serving import are_known, serving_trees

# Sessions before and after a change of these did not measure the same thing.
DECISIVE = (
    "kernel.", "cpus.models", "cpus.online", "cpus.allowed", "cpus.topology", "cgroup.cpu_limit", "virtual.machine",
    "python.version", "python.implementation", "programs.", "environment.", "serving.",
)  # fmt: skip
# These are the shell's that a session was resumed from, or change no server.
MILD = ("environment.LANG", "environment.LC_", "environment.TZ")
# Watched by other doubts in each session, or without a part in what is measured.
LEFT_TO_OTHERS = ("sysctls.", "clock.", "cpus.frequency", "python.distributions", "network.interfaces", "scheduler.")
LONGEST = 60  # characters of a value


def changes_since(then: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Contrast, ...]:
    """The lasting facts of host.json that are not as they were; a fact that was not recorded has not changed."""
    machine = contrasts_by_part([lasting_of(host, servers_apart=are_known([then, now])) for host in (then, now)])
    found = [*machine, *contrasts(serving_trees([then, now]))]
    return tuple(change for change in found if not change.field.startswith(LEFT_TO_OTHERS))


def is_decisive(change: Contrast) -> bool:
    """Whether sessions before and after the change are of different runs."""
    return change.field.startswith(DECISIVE) and not change.field.startswith(MILD)


def describe(changes: Sequence[Contrast]) -> list[str]:
    """`kernel.release was 6.1.0 and is 6.12.1 now.`"""
    return [f"{each.field} was {_brief(each.values[0])} and is {_brief(each.values[1])} now." for each in changes]


def _brief(value: str | None) -> str:
    if value is None:
        return "absent"
    text = value or '""'
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
