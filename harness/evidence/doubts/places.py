"""Doubts about threads that are not on the CPUs of their role any more."""

from collections.abc import Iterator

from harness.evidence.affinity import strays
from harness.evidence.doubts.scene import Crew, Scene
from harness.model import SERVER_ROLES, Doubt

Strays = tuple[str, ...]


def read_places(scene: Scene) -> Strays:
    """A sentence for each stray thread of the servers and of the processes that they have started."""
    return tuple(
        sentence for crew in scene.crews for sentence in strays(_servers(crew, scene), crew.placement, scene.roots.proc)
    )


def _servers(crew: Crew, scene: Scene) -> dict[str, tuple[int, ...]]:
    return {role: crew.pids_of(role, scene.roots.proc) for role in SERVER_ROLES}


def place_doubts(_before: Strays, after: Strays) -> Iterator[Doubt]:
    for sentence in after:
        yield Doubt(
            kind="affinity",
            seen=sentence,
            advice=(
                "Who moved it? Look for a daemon that balances processes, a taskset by hand, or an application "
                "that sets its own affinity; end that, or set placement to what it wants."
            ),
        )
