"""How often servers were stopped because their quota of CPU time was used up, while a session was measured."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness.lab.cgroups import throttling
from harness.lab.kernelfiles import read
from harness.lab.stack import Stack

Counts = dict[str, dict[str, dict[str, int]]]  # by arm, role, and what: see `throttling`


def throttling_of(stacks: Sequence[Stack]) -> Callable[[], Counts]:
    """A function that says what has been counted since now, of each arm whose servers have a quota."""
    limited = {arm.name: _limited(stack) for stack in stacks for arm in stack.blueprint.arms if _limited(stack)}
    before = _read(limited)

    def since() -> Counts:
        now = _read(limited)
        return {arm: {role: _grown(before[arm][role], now[arm][role]) for role in now[arm]} for arm in now}

    return since


def _limited(stack: Stack) -> Mapping[str, Path]:
    enclosures = stack.blueprint.enclosures.items()
    return {server: enclosure.limited for server, enclosure in enclosures if enclosure.limited}


def _grown(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    return {name: value - before.get(name, 0) for name, value in after.items()}


def _read(limited: Mapping[str, Mapping[str, Path]]) -> Counts:
    return {
        arm: {role: throttling(read(group / "cpu.stat") or "") for role, group in groups.items()}
        for arm, groups in limited.items()
    }
