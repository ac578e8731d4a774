"""Doubts about other load on the machine: stolen time, busy processes, waiting for a CPU."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from harness.evidence.doubts.scene import Scene
from harness.evidence.quiet import Noise, Snapshot, noise_between, read_snapshot, with_descendants
from harness.model import Doubt

# Both are ten times the value on a quiet virtual machine; in a short session a few ticks of 10 ms are chance.
STEAL_PERCENT = 1.0
BUSY_PERCENT = 5.0
CHANCE_TICKS = 3
# All other processes together, also small and short-lived ones; in ticks their sum is less exact than one process.
ALL_OTHERS_PERCENT = 20.0
# Client and nginx on one CPU wait for each other for up to a fifth of the time, and idle workers that wake together
# for half of it: waiting points to other processes only where they used CPU time.
PRESSURE_PERCENT = 25.0
AT_WORK_PERCENT = 10.0

_STOP_ADVICE = "Stop the other processes on this machine, or wait until they have ended."


@dataclass(frozen=True, slots=True)
class Others:
    """A snapshot of the machine, and our own processes: those below this one, and those of measured services."""

    snapshot: Snapshot
    own: frozenset[int]


def read_others(context: Scene) -> Others:
    """Read the CPU times of all processes."""
    snapshot = read_snapshot(context.roots.proc)
    return Others(snapshot, with_descendants({os.getpid(), *context.services}, snapshot))


def other_doubts(before: Others, after: Others) -> Iterator[Doubt]:
    """Yield the doubts about the noise between two readings."""
    return noise_doubts(noise_between(before.snapshot, after.snapshot, after.own, before.own))


def noise_doubts(noise: Noise) -> Iterator[Doubt]:
    """Yield the doubts about an interval with this noise."""
    yield from _steal_doubts(noise)
    yield from _busy_doubts(noise)
    yield from _pressure_doubts(noise)


def _steal_doubts(noise: Noise) -> Iterator[Doubt]:
    if noise.steal_percent > _beyond_chance(STEAL_PERCENT, noise):
        yield Doubt(
            kind="steal",
            seen=f"{noise.steal_percent:.1f} % of CPU time was stolen by the hypervisor.",
            advice="Other guests compete for this machine's CPUs: measure longer, at another time, or elsewhere.",
        )


def _busy_doubts(noise: Noise) -> Iterator[Doubt]:
    busy = [process for process in noise.top if process.percent > _beyond_chance(BUSY_PERCENT, noise)]
    for process in busy:
        text = f"{process.name} (pid {process.pid}) used {process.percent:.0f} % of a CPU."
        yield Doubt(kind="busy", seen=text, advice=_STOP_ADVICE)
    if not busy and noise.others_percent > ALL_OTHERS_PERCENT:
        text = f"Other processes, each small or short-lived, used {noise.others_percent:.0f} % of a CPU."
        yield Doubt(kind="busy", seen=text, advice=_STOP_ADVICE)


def _beyond_chance(percent: float, noise: Noise) -> float:
    return max(percent, CHANCE_TICKS * noise.tick_percent)


def _pressure_doubts(noise: Noise) -> Iterator[Doubt]:
    if (noise.pressure_percent or 0) > PRESSURE_PERCENT and noise.others_percent > AT_WORK_PERCENT:
        yield Doubt(
            kind="pressure",
            seen=(
                f"Tasks were stalled for a CPU {noise.pressure_percent:.0f} % of the time (PSI), while other processes "
                f"used {noise.others_percent:.0f} % of one CPU."
            ),
            advice="Requests of every transport waited for a CPU: keep other processes off the servers' CPUs.",
        )
