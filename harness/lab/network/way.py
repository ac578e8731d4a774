"""The network path of a connection: a rung with all the rungs below it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from harness import plugins
from harness.model import Settings
from harness.model.rungs import LOOPBACK, PLACES, NetworkRung, Place, Relayed, Step, Value

RUNGS = "harness.lab.rungs.network"
BARE = "host"


@dataclass(frozen=True, slots=True)
class Way:
    """What lies between the two ends of the connection `leg`: nginx to the app ("hop"), or client to nginx ("front").

    The server listens on `listens`, its peer connects to `asked`. Without `places`, both are in the present network.
    """

    rung: str = BARE
    leg: Literal["hop", "front"] = "hop"
    places: tuple[Place, ...] = ()
    steps: tuple[Step, ...] = ()
    listens: str = LOOPBACK
    asked: str = LOOPBACK

    @property
    def relay(self) -> Relayed | None:
        """The relay process on the path, or None."""
        return next((step for step in self.steps if isinstance(step, Relayed)), None)


BARE_WAY = Way()


def way_of(settings: Settings) -> Way:
    """Return the network path of an arm."""
    rungs = list(_rungs_up_to(settings.network))
    links = next((rung.links for rung in reversed(rungs) if rung.links), ())
    below = (step for rung in rungs[:-1] for step in rung.adds)
    return Way(
        rung=settings.network,
        leg=settings.network_leg,
        places=tuple(place for place in PLACES if any(place in rung.places for rung in rungs)),
        steps=(*links, *map(_made_optional, below), *rungs[-1].adds),
        listens=next(rung.listens for rung in reversed(rungs) if rung.listens),
        asked=next(rung.asked for rung in reversed(rungs) if rung.asked),
    )


def _rungs_up_to(name: str) -> Iterator[NetworkRung]:
    """Yield the rungs below, then the rung itself."""
    rung = plugins.load(RUNGS, name, NetworkRung)
    if rung.below:
        yield from _rungs_up_to(rung.below)
    yield rung


def _made_optional(step: Step) -> Step:
    """Make a value optional: a kernel that lacks it misses it on the rung that adds it, and not on those above."""
    return replace(step, optional=True) if isinstance(step, Value) else step
