"""Reasons to distrust a session, read from what the machine did meanwhile; each says what to do about it."""

from collections.abc import Iterator

from harness.evidence.quiet import Noise
from harness.model import Doubt

STEAL_PERCENT = 1.0
BUSY_PERCENT = 5.0


def session_doubts(session: int, noise: Noise) -> tuple[Doubt, ...]:
    """The doubts that `noise`, seen during the visits of `session`, gives rise to."""
    return (*_steal(session, noise), *_busy(session, noise))


def _steal(session: int, noise: Noise) -> Iterator[Doubt]:
    if noise.steal_percent > STEAL_PERCENT:
        yield Doubt(
            kind="steal",
            session=session,
            seen=f"{noise.steal_percent:.1f} % of CPU time was stolen by the hypervisor",
            advice="Other guests compete for this machine's CPUs: measure longer, at another time, or elsewhere.",
        )


def _busy(session: int, noise: Noise) -> Iterator[Doubt]:
    for process in noise.top:
        if process.percent > BUSY_PERCENT:
            yield Doubt(
                kind="busy",
                session=session,
                seen=f"{process.name} (pid {process.pid}) used {process.percent:.0f} % of a CPU",
                advice="End what else runs on this machine, or wait until it has ended.",
            )
