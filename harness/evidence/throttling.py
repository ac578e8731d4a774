"""Counts how often servers were throttled because their CPU quota was used up, during a session."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness.lab.cgroups import throttling
from harness.lab.kernelfiles import read
from harness.lab.stack import Stack

Counts = dict[str, dict[str, dict[str, int]]]  # by the arms of a stack, role, and what: see `throttling`


def throttling_of(stacks: Sequence[Stack]) -> Callable[[], Counts]:
    """Return a function that returns the counts since now, of each stack whose servers have a quota."""
    limited = {", ".join(stack.blueprint.targets): groups for stack in stacks if (groups := _limited_groups(stack))}
    before = _read_counts(limited)

    def count() -> Counts:
        after = _read_counts(limited)
        return {arms: {role: _growth(before[arms][role], after[arms][role]) for role in after[arms]} for arms in after}

    return count


def _limited_groups(stack: Stack) -> Mapping[str, Path]:
    enclosures = stack.blueprint.enclosures.items()
    return {server: enclosure.limited for server, enclosure in enclosures if enclosure.limited}


def _growth(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    return {name: value - before.get(name, 0) for name, value in after.items()}


def _read_counts(limited: Mapping[str, Mapping[str, Path]]) -> Counts:
    return {
        arms: {role: throttling(read(group / "cpu.stat") or "") for role, group in groups.items()}
        for arms, groups in limited.items()
    }
