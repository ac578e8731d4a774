"""Doubts about processes that the application starts: which part of their work is not in the numbers."""

from collections.abc import Iterator
from dataclasses import dataclass

from harness.model import Doubt
from harness.observe.cpu_time import TICK_NS, ReapedChildren
from harness.observe.doubts.context import Context
from harness.testbed.machine.procfs import Roots, read_text
from harness.testbed.processes.process import ProcessFamily

SIGCHLD_BIT = 1 << 16  # SIGCHLD is signal 17
TICK_MS = TICK_NS // 1_000_000
NAMES = {"app": "The application", "nginx": "nginx"}


@dataclass(frozen=True, slots=True)
class Children:
    """The processes that one role of a stack has started, and the resources used by those that have ended.

    `living` holds process number and start time. `is_counted`: their CPU time is measured. `ignores_sigchld`: the
    kernel forgets ended children at once.
    """

    role: str
    is_counted: bool
    living: frozenset[tuple[int, int]]
    reaped: ReapedChildren
    ignores_sigchld: bool


def read_children(context: Context) -> tuple[Children, ...]:
    """Read the children of each role of each stack."""
    families = ((role, family) for stack in context.processes for role, family in stack.families.items())
    return tuple(_read_role(role, family, context.roots) for role, family in families)


def read_reaped(family: ProcessFamily, roots: Roots) -> ReapedChildren:
    """Return the resources used by ended children of the family, as the kernel adds them up in their parents."""
    stats = (read_text(roots.proc / str(pid) / "stat") for pid in family.all_pids(roots.proc))
    return sum(map(ReapedChildren.from_stat, stats), ReapedChildren())


def child_doubts(before: tuple[Children, ...], after: tuple[Children, ...]) -> Iterator[Doubt]:
    """Yield a doubt for each role that started processes, or that ignores SIGCHLD."""
    for was, now in zip(before, after, strict=True):
        started = len(now.living - was.living)
        ended = now.reaped.faults > was.reaped.faults
        if now.is_counted and (started or ended):
            yield _counted_doubt(now, (now.reaped.ticks - was.reaped.ticks) * TICK_MS, started)
        elif started or ended:
            yield _uncounted_doubt(now, (now.reaped.ticks - was.reaped.ticks) * TICK_MS, started)
        if now.ignores_sigchld:
            yield _sigchld_doubt(now)


def _counted_doubt(now: Children, used_ms: int, started: int) -> Doubt:
    return Doubt(
        kind="children",
        seen=f"{NAMES[now.role]} started processes between requests: {_amount(used_ms, started)}.",
        advice=(
            f"Their CPU time is counted, that of ended processes in steps of {TICK_MS} ms: only its mean over many "
            "visits is exact. Their waiting, context switches and migrations are not counted."
        ),
    )


def _uncounted_doubt(now: Children, used_ms: int, started: int) -> Doubt:
    return Doubt(
        kind="children",
        seen=f"{NAMES[now.role]} started its first processes after the warm-up: {_amount(used_ms, started)}.",
        advice=(
            "Their CPU time, waiting and context switches are not counted. Start them when the application starts, or "
            "with the first requests: then barehop counts them."
        ),
    )


def _sigchld_doubt(now: Children) -> Doubt:
    return Doubt(
        kind="children",
        seen=f"{NAMES[now.role]} ignores SIGCHLD, so the kernel does not add up the CPU time of its ended children.",
        advice="The CPU time of child processes that end is not counted: do not ignore SIGCHLD.",
    )


def _amount(used_ms: int, started: int) -> str:
    running = f", {started} of them still running" if started else ""
    return f"those that ended used {used_ms} ms of CPU time{running}"


def _read_role(role: str, family: ProcessFamily, roots: Roots) -> Children:
    others = [(pid, read_text(roots.proc / str(pid) / "stat")) for pid in family.other_pids(roots.proc)]
    return Children(
        role=role,
        is_counted=family.reads_others,
        living=frozenset((pid, _start_ticks(stat)) for pid, stat in others if stat),
        reaped=read_reaped(family, roots),
        ignores_sigchld=any(_ignores_children(pid, roots) for pid in (*family.workers, *(pid for pid, _ in others))),
    )


def _start_ticks(stat: str) -> int:
    return int(stat.rpartition(") ")[2].split()[19])


def _ignores_children(pid: int, roots: Roots) -> bool:
    _, label, rest = (read_text(roots.proc / str(pid) / "status") or "").partition("SigIgn:")
    return bool(label) and bool(int(rest.split()[0], 16) & SIGCHLD_BIT)
