"""Tries a network rung in namespaces that are thrown away."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache

from harness.errors import MachineError
from harness.lab.network.building import build
from harness.lab.network.loopback import bring_up
from harness.lab.network.netns import own_network
from harness.lab.network.way import Way, way_of
from harness.model import Settings

A_PORT = 10_000


def network_rung_problems(settings: Settings) -> Iterator[str]:
    """Why the network rung of an arm cannot be had here, if it cannot."""
    way = way_of(settings)
    if problem := _problem(way) if way.places else None:
        yield problem


@cache
def _problem(way: Way) -> str | None:
    """Tried once: a kernel stays what it is."""
    try:
        with ExitStack() as until_tried:
            networks = {place: until_tried.enter_context(own_network()) for place in way.places}
            for network in networks.values():
                with network.entered():
                    bring_up()
            build(way, networks, [A_PORT])
    except MachineError as error:
        return str(error)
    return None
