"""The whole way of a connection: a rung with all those that it stands on. Pure."""

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
    """What stands between the two ends of the connection `leg`: nginx's to the app, or the client's to nginx.

    The end that is connected to `listens` there; the other connects to `asked`. No `places`: both are where we are.
    """

    rung: str = BARE
    leg: Literal["hop", "front"] = "hop"
    places: tuple[Place, ...] = ()
    steps: tuple[Step, ...] = ()
    listens: str = LOOPBACK
    asked: str = LOOPBACK

    @property
    def relay(self) -> Relayed | None:
        return next((step for step in self.steps if isinstance(step, Relayed)), None)


BARE_WAY = Way()


def way_of(settings: Settings) -> Way:
    rungs = list(_upwards(settings.network))
    links = next((rung.links for rung in reversed(rungs) if rung.links), ())
    below = (step for rung in rungs[:-1] for step in rung.adds)
    return Way(
        rung=settings.network,
        leg=settings.network_leg,
        places=tuple(place for place in PLACES if any(place in rung.places for rung in rungs)),
        steps=(*links, *map(_had_there, below), *rungs[-1].adds),
        listens=next(rung.listens for rung in reversed(rungs) if rung.listens),
        asked=next(rung.asked for rung in reversed(rungs) if rung.asked),
    )


def _upwards(name: str) -> Iterator[NetworkRung]:
    """The rung, after those below it."""
    rung = plugins.load(RUNGS, name, NetworkRung)
    if rung.below:
        yield from _upwards(rung.below)
    yield rung


def _had_there(step: Step) -> Step:
    """A value that this kernel lacks is missed on the rung that adds it, and not on those above."""
    return replace(step, optional=True) if isinstance(step, Value) else step
