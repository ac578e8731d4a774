"""Doubts about a client that was the bottleneck."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from harness.evidence.doubts.scene import Scene
from harness.model import Doubt

# In a closed loop client and servers take turns: a client that is always busy leaves the servers idle.
SATURATED_PERCENT = 90.0


@dataclass(frozen=True, slots=True)
class ClientTime:
    """The clock, the CPU time of our client, and that of external load tools, which may use several `cpus` at once."""

    clock_s: float
    own_s: float
    tools_s: float
    cpus: int


def read_client(context: Scene) -> ClientTime:
    """Read the clock and the CPU times so far."""
    times = os.times()
    return ClientTime(
        clock_s=time.monotonic(),
        own_s=time.process_time(),
        tools_s=times.children_user + times.children_system,
        cpus=min((len(stack.placement.cpus["client"]) for stack in context.crews), default=1),
    )


def client_doubts(before: ClientTime, after: ClientTime) -> Iterator[Doubt]:
    """Yield a doubt where the client, or a load tool on all its CPUs, was busy nearly all the time."""
    elapsed_s = max(1e-9, after.clock_s - before.clock_s)
    own = (after.own_s - before.own_s) / elapsed_s
    tools = (after.tools_s - before.tools_s) / elapsed_s / after.cpus
    percent = 100 * max(own, tools)
    if percent > SATURATED_PERCENT:
        yield Doubt(
            kind="client-bound",
            seen=f"The client was busy {percent:.0f} % of the time, so the client was the bottleneck, not the servers.",
            advice=(
                "Do not use the throughput of this session: send smaller answers, use a faster load tool, "
                "or give the client more CPUs with placement."
            ),
        )
