"""Doubts about a run that did not hold the lock of the machine: another run may have disturbed it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from harness.evidence.doubts.scene import Scene
from harness.lab.lock import OTHER_LOCK, machine_lock
from harness.lab.lock_holders import holds
from harness.model import Doubt


@dataclass(frozen=True, slots=True)
class HeldLock:
    """`is_held`: whether this process has the lock of the machine; None where that cannot be known. `other`: a file."""

    is_held: bool | None
    is_whole: bool
    other: str


def read_lock(scene: Scene) -> HeldLock:
    lock = machine_lock(scene.roots)
    is_held = holds(lock.inode if lock else None, scene.roots)
    return HeldLock(is_held, is_whole=bool(lock and lock.is_whole), other=os.environ.get(OTHER_LOCK, ""))


def lock_doubts(_before: HeldLock, after: HeldLock) -> Iterator[Doubt]:
    if after.other:
        seen = f"{OTHER_LOCK} named another lock than that of the machine ({after.other})."
    elif after.is_held is False:
        seen = "This run could not hold the lock of the machine."
    elif after.is_held and not after.is_whole:
        seen = "This run held a lock that processes outside of its namespaces do not see."
    else:
        return
    yield Doubt(
        kind="lock",
        seen=seen,
        advice="Another run of barehop may have used the CPUs meanwhile: make sure that there was none, or repeat it.",
    )
