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

PROBE_PORT = 10_000


def network_rung_problems(settings: Settings) -> Iterator[str]:
    """Yield why the network rung of an arm is not available here, if it is not."""
    network_path = way_of(settings)
    if problem := _probe_path(network_path) if network_path.places else None:
        yield problem


@cache
def _probe_path(network_path: Way) -> str | None:
    """Build the path once and return the error, or None."""
    try:
        with ExitStack() as exit_stack:
            networks = {place: exit_stack.enter_context(own_network()) for place in network_path.places}
            for network in networks.values():
                with network.entered():
                    bring_up()
            build(network_path, networks, [PROBE_PORT])
    except MachineError as error:
        return str(error)
    return None
