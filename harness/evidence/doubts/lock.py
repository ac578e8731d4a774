"""Doubts about a run without the machine lock: another run may have disturbed it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from harness.evidence.doubts.scene import Scene
from harness.lab.lock import OTHER_LOCK, machine_lock
from harness.lab.lock_holders import holds
from harness.model import Doubt


@dataclass(frozen=True, slots=True)
class HeldLock:
    """Whether this process holds the machine lock (None: unknown), and the file of another lock where one is set."""

    is_held: bool | None
    is_whole: bool
    other: str


def read_lock(context: Scene) -> HeldLock:
    """Read the state of the machine lock."""
    lock = machine_lock(context.roots)
    is_held = holds(lock.inode if lock else None, context.roots)
    return HeldLock(is_held, is_whole=bool(lock and lock.is_whole), other=os.environ.get(OTHER_LOCK, ""))


def lock_doubts(_before: HeldLock, after: HeldLock) -> Iterator[Doubt]:
    """Yield a doubt where the machine lock was not held, or is not visible everywhere."""
    if after.other:
        text = f"{OTHER_LOCK} named another lock than that of the machine ({after.other})."
    elif after.is_held is False:
        text = "This run could not hold the lock of the machine."
    elif after.is_held and not after.is_whole:
        text = "This run held a lock that processes outside of its namespaces do not see."
    else:
        return
    yield Doubt(
        kind="lock",
        seen=text,
        advice="Another run of barehop may have used the CPUs meanwhile: make sure that none ran, or repeat this run.",
    )
