"""Doubts about a client that was the slowest of all, so that it was the client that was measured."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from harness.evidence.doubts.scene import Scene
from harness.model import Doubt

# In a closed loop client and servers take turns, so a client that is always at work leaves the servers no turn.
SATURATED_PERCENT = 90.0


@dataclass(frozen=True, slots=True)
class ClientTime:
    """The clock, the CPU time of our client and that of outside tools, which may use `cpus` at once."""

    clock_s: float
    own_s: float
    tools_s: float
    cpus: int


def read_client(scene: Scene) -> ClientTime:
    times = os.times()
    return ClientTime(
        clock_s=time.monotonic(),
        own_s=time.process_time(),
        tools_s=times.children_user + times.children_system,
        cpus=min((len(crew.placement.cpus["client"]) for crew in scene.crews), default=1),
    )


def client_doubts(before: ClientTime, after: ClientTime) -> Iterator[Doubt]:
    elapsed_s = max(1e-9, after.clock_s - before.clock_s)
    own = (after.own_s - before.own_s) / elapsed_s
    tools = (after.tools_s - before.tools_s) / elapsed_s / after.cpus
    percent = 100 * max(own, tools)
    if percent > SATURATED_PERCENT:
        yield Doubt(
            kind="client-bound",
            seen=f"The client was at work in {percent:.0f} % of the time, so it set the pace and not the servers.",
            advice=(
                "Believe no throughput from this session: send smaller answers, a faster tool, "
                "or give the client more CPUs with placement."
            ),
        )
