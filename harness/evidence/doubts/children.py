"""Doubts about processes that the application starts: what of them is not in the numbers."""

from collections.abc import Iterator
from dataclasses import dataclass

from harness.evidence.doubts.scene import Scene
from harness.evidence.reaped import TICK_NS, Reaped
from harness.lab.family import Family
from harness.lab.kernelfiles import Roots, read
from harness.model import Doubt

SIGCHLD_BIT = 1 << 16  # SIGCHLD is signal 17
TICK_MS = TICK_NS // 1_000_000
NAMES = {"app": "The application", "nginx": "nginx"}


@dataclass(frozen=True, slots=True)
class Children:
    """Of one role of a stack: the processes that it has started, and what those that have ended had used.

    `living` has a process number and a start time each. `unwaited`: a process ignores SIGCHLD, so that the kernel
    forgets its children at once.
    """

    role: str
    counted: bool
    living: frozenset[tuple[int, int]]
    reaped: Reaped
    unwaited: bool


def read_children(scene: Scene) -> tuple[Children, ...]:
    """One for each role of each stack."""
    families = ((role, family) for crew in scene.crews for role, family in crew.families.items())
    return tuple(_children(role, family, scene.roots) for role, family in families)


def reaped_by(family: Family, roots: Roots) -> Reaped:
    """What those that have ended had used, as their parents were told."""
    stats = (read(roots.proc / str(pid) / "stat") for pid in family.all(roots.proc))
    return sum(map(Reaped.in_stat, stats), Reaped())


def child_doubts(before: tuple[Children, ...], after: tuple[Children, ...]) -> Iterator[Doubt]:
    for was, now in zip(before, after, strict=True):
        started = len(now.living - was.living)
        ended = now.reaped.faults > was.reaped.faults
        if now.counted and (started or ended):
            yield _passing(now, (now.reaped.ticks - was.reaped.ticks) * TICK_MS, started)
        elif started or ended:
            yield _late(now, (now.reaped.ticks - was.reaped.ticks) * TICK_MS, started)
        if now.unwaited:
            yield _unwaited(now)


def _passing(now: Children, used_ms: int, started: int) -> Doubt:
    return Doubt(
        kind="children",
        seen=f"{NAMES[now.role]} started processes between requests: {_amount(used_ms, started)}.",
        advice=(
            f"Their CPU time is in the numbers, that of the ended in steps of {TICK_MS} ms: trust its mean over many "
            "visits. Their waiting, context switches and migrations are not counted."
        ),
    )


def _late(now: Children, used_ms: int, started: int) -> Doubt:
    return Doubt(
        kind="children",
        seen=f"{NAMES[now.role]} started its first processes after the warm-up: {_amount(used_ms, started)}.",
        advice=(
            "Neither their CPU time nor their waiting and switches are in the numbers. Start them when the application "
            "starts, or with the first requests: then barehop counts them."
        ),
    )


def _unwaited(now: Children) -> Doubt:
    return Doubt(
        kind="children",
        seen=f"{NAMES[now.role]} ignores SIGCHLD, so the kernel does not add up what its ended children used.",
        advice="The CPU time of processes that it starts and that end is not in the numbers: do not ignore SIGCHLD.",
    )


def _amount(used_ms: int, started: int) -> str:
    running = f", {started} of them still running" if started else ""
    return f"those that ended used {used_ms} ms of CPU time{running}"


def _children(role: str, family: Family, roots: Roots) -> Children:
    others = [(pid, read(roots.proc / str(pid) / "stat")) for pid in family.others(roots.proc)]
    return Children(
        role=role,
        counted=family.counted,
        living=frozenset((pid, _started(stat)) for pid, stat in others if stat),
        reaped=reaped_by(family, roots),
        unwaited=any(_ignores_children(pid, roots) for pid in (*family.workers, *(pid for pid, _ in others))),
    )


def _started(stat: str) -> int:
    return int(stat.rpartition(") ")[2].split()[19])


def _ignores_children(pid: int, roots: Roots) -> bool:
    _, found, rest = (read(roots.proc / str(pid) / "status") or "").partition("SigIgn:")
    return bool(found) and bool(int(rest.split()[0], 16) & SIGCHLD_BIT)
