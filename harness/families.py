"""Find the child processes that the servers started during the warm-up, and read their CPU time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from harness.evidence.cpu_time import cpu_reader
from harness.evidence.doubts.children import reaped_by
from harness.evidence.family_clock import FamilyClock
from harness.lab.family import Family
from harness.lab.kernelfiles import HERE
from harness.lab.stack import Stack
from harness.load.visits import CpuReader

Families = Sequence[Mapping[str, Family]]  # of each stack, by role


@dataclass(frozen=True, slots=True)
class Started:
    """The child processes of the servers of one arm.

    `cpu` reads the CPU time of workers and children; None if there are no children. `others` are the pids of the
    children that run now, by role.
    """

    cpu: CpuReader | None
    others: Mapping[str, Sequence[int]]


def families_when_warm(stacks: Sequence[Stack]) -> Callable[[], Families]:
    """Return a function to call after the warm-up; it marks each role with workers that have started a process."""
    cold = [stack.families for stack in stacks]
    faults = [{role: reaped_by(family, HERE).faults for role, family in own.items()} for own in cold]

    def mark_families() -> Families:
        return [
            {role: replace(family, counted=_has_started(family, before[role])) for role, family in own.items()}
            for own, before in zip(cold, faults, strict=True)
        ]

    return mark_families


@contextmanager
def started_by(stacks: Sequence[Stack], families: Families) -> Iterator[dict[str, Started]]:
    """Yield the child processes of each arm with a stack, by name. Arms of one stack share the open files."""
    clocks = [{role: FamilyClock(family) for role, family in own.items() if family.counted} for own in families]
    try:
        yield {
            arm.name: _started(stack, arm.name, own)
            for stack, own in zip(stacks, clocks, strict=True)
            for arm in stack.blueprint.arms
        }
    finally:
        for clock in (clock for own in clocks for clock in own.values()):
            clock.close()


def _has_started(family: Family, faults_before: int) -> bool:
    return bool(family.others()) or reaped_by(family, HERE).faults > faults_before


def _started(stack: Stack, arm: str, clocks: Mapping[str, FamilyClock]) -> Started:
    pids = stack.pids_of(arm)
    own = {role: clock for role, clock in clocks.items() if arm not in stack.bare and role in pids}
    others = {role: clock.family.others() for role, clock in own.items()}
    return Started(cpu_reader(pids, own) if own else None, others)
