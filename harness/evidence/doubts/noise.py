"""Doubts about others on the machine: stolen time, busy processes, waiting for a CPU."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from harness.evidence.doubts.scene import Scene
from harness.evidence.quiet import Noise, Snapshot, noise_between, read_snapshot, with_descendants
from harness.model import Doubt

# Both are ten times what a quiet virtual machine shows; in a short session a few ticks of 10 ms are chance.
STEAL_PERCENT = 1.0
BUSY_PERCENT = 5.0
CHANCE_TICKS = 3
# Many that are small or gone already; ticks know their sum less well than a single process.
CROWD_PERCENT = 20.0
# Client and nginx on one CPU wait for each other for up to a fifth of the time, and idle workers that wake together
# for half of it, so waiting tells of others only where others were at work.
PRESSURE_PERCENT = 25.0
AT_WORK_PERCENT = 10.0

_END_THEM = "End what else runs on this machine, or wait until it has ended."


@dataclass(frozen=True, slots=True)
class Others:
    """The machine, and the processes on it that are ours: all below this one, and the services' with theirs."""

    snapshot: Snapshot
    own: frozenset[int]


def read_others(scene: Scene) -> Others:
    snapshot = read_snapshot(scene.roots.proc)
    return Others(snapshot, with_descendants({os.getpid(), *scene.services}, snapshot))


def other_doubts(before: Others, after: Others) -> Iterator[Doubt]:
    return noise_doubts(noise_between(before.snapshot, after.snapshot, after.own, before.own))


def noise_doubts(noise: Noise) -> Iterator[Doubt]:
    """The doubts about an interval with this noise."""
    yield from _steal(noise)
    yield from _busy(noise)
    yield from _pressure(noise)


def _steal(noise: Noise) -> Iterator[Doubt]:
    if noise.steal_percent > _beyond_chance(STEAL_PERCENT, noise):
        yield Doubt(
            kind="steal",
            seen=f"{noise.steal_percent:.1f} % of CPU time was stolen by the hypervisor.",
            advice="Other guests compete for this machine's CPUs: measure longer, at another time, or elsewhere.",
        )


def _busy(noise: Noise) -> Iterator[Doubt]:
    busy = [process for process in noise.top if process.percent > _beyond_chance(BUSY_PERCENT, noise)]
    for process in busy:
        seen = f"{process.name} (pid {process.pid}) used {process.percent:.0f} % of a CPU."
        yield Doubt(kind="busy", seen=seen, advice=_END_THEM)
    if not busy and noise.others_percent > CROWD_PERCENT:
        seen = f"Processes other than ours, each small or short-lived, used {noise.others_percent:.0f} % of a CPU."
        yield Doubt(kind="busy", seen=seen, advice=_END_THEM)


def _beyond_chance(percent: float, noise: Noise) -> float:
    return max(percent, CHANCE_TICKS * noise.tick_percent)


def _pressure(noise: Noise) -> Iterator[Doubt]:
    if (noise.pressure_percent or 0) > PRESSURE_PERCENT and noise.others_percent > AT_WORK_PERCENT:
        yield Doubt(
            kind="pressure",
            seen=(
                f"Somebody waited for a CPU in {noise.pressure_percent:.0f} % of the time, while processes other "
                f"than ours used {noise.others_percent:.0f} % of one."
            ),
            advice="Requests waited for their turn, whatever their transport: leave the servers' CPUs to them alone.",
        )
