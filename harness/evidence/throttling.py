"""How often servers were stopped because their quota of CPU time was used up, while a session was measured."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness.lab.cgroups import throttling
from harness.lab.kernelfiles import read
from harness.lab.stack import Stack

Counts = dict[str, dict[str, dict[str, int]]]  # by the arms of a stack, role, and what: see `throttling`


def throttling_of(stacks: Sequence[Stack]) -> Callable[[], Counts]:
    """A function that says what has been counted since now, of each stack whose servers have a quota."""
    limited = {", ".join(stack.blueprint.targets): groups for stack in stacks if (groups := _limited(stack))}
    before = _read(limited)

    def since() -> Counts:
        now = _read(limited)
        return {arms: {role: _grown(before[arms][role], now[arms][role]) for role in now[arms]} for arms in now}

    return since


def _limited(stack: Stack) -> Mapping[str, Path]:
    enclosures = stack.blueprint.enclosures.items()
    return {server: enclosure.limited for server, enclosure in enclosures if enclosure.limited}


def _grown(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    return {name: value - before.get(name, 0) for name, value in after.items()}


def _read(limited: Mapping[str, Mapping[str, Path]]) -> Counts:
    return {
        arms: {role: throttling(read(group / "cpu.stat") or "") for role, group in groups.items()}
        for arms, groups in limited.items()
    }
