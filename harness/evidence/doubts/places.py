"""Doubts about threads that have left the CPUs of their role."""

from collections.abc import Iterator
from pathlib import Path

from harness.evidence.affinity import strays
from harness.evidence.doubts.scene import Crew, Scene
from harness.model import SERVER_ROLES, Doubt

Strays = tuple[str, ...]


def read_places(context: Scene) -> Strays:
    """Return a sentence for each stray thread of the servers and of the processes that they have started."""
    proc = context.roots.proc
    return tuple(text for stack in context.crews for text in strays(_server_pids(stack, proc), stack.placement, proc))


def _server_pids(stack: Crew, proc: Path) -> dict[str, tuple[int, ...]]:
    return {role: stack.pids_of(role, proc) for role in SERVER_ROLES}


def place_doubts(_before: Strays, after: Strays) -> Iterator[Doubt]:
    """Yield a doubt for each stray thread."""
    for text in after:
        yield Doubt(
            kind="affinity",
            seen=text,
            advice=(
                "Look for a daemon that balances processes, a taskset by hand, or an application that sets its own "
                "affinity: stop it, or set placement to the same CPUs."
            ),
        )
