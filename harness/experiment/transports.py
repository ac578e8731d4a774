"""Facts of transports for rooms that only know their names, also names that no plug-in has any more."""

from collections.abc import Mapping
from functools import cache

from harness import plugins
from harness.model import Settings, Transport, TransportFamily

TRANSPORT_PACKAGE = "harness.testbed.transports"
DEFAULT_TRANSPORT = Settings().transport
IMPORTED_TCP, IMPORTED_UNIX = "tcp", "uds"  # the families as results made elsewhere, and reports on them, name them


@cache
def transports() -> Mapping[str, Transport]:
    """Return every transport by its name."""
    return {name: plugins.load(TRANSPORT_PACKAGE, name, Transport) for name in plugins.names(TRANSPORT_PACKAGE)}


def transport_family(name: str) -> TransportFamily:
    """Return the family of a transport. In old results, names without a plug-in are of Unix sockets if they say so."""
    transport = transports().get(name)
    if transport is not None:
        return transport.family
    return "unix" if name.startswith(("uds", "unix")) else "tcp"


def is_tcp(name: str) -> bool:
    """Return whether connections over the transport are TCP connections."""
    return transport_family(name) == "tcp"


def imported_family(name: str) -> str:
    """Return the family of the transport as results made elsewhere name it."""
    return IMPORTED_TCP if is_tcp(name) else IMPORTED_UNIX


def transport_label(name: str) -> str:
    """Return how reports call the transport; its name where no plug-in has it any more."""
    return transports()[name].label if name in transports() else name


def arm_transport(settings: Mapping[str, object]) -> str:
    """Return the transport of an arm from its settings in a summary, which may leave out the default."""
    return str(settings.get("transport", DEFAULT_TRANSPORT))
