"""Facts of transports and network rungs by name, also for names in old results that no plug-in has any more."""

from collections.abc import Mapping

from harness import plugins
from harness.model import NetworkRung, Settings, Transport, TransportFamily
from harness.model.plugins import LOOPBACK

DEFAULT_TRANSPORT = Settings().transport
HOST_NETWORK = "host"  # the lowest network rung
IMPORTED_TCP, IMPORTED_UNIX = "tcp", "uds"  # the families as results made elsewhere, and reports on them, name them


def transports() -> Mapping[str, Transport]:
    """Return every transport by its name."""
    return plugins.table(Transport)


def transport_family(name: str) -> TransportFamily:
    """Return the family of a transport. A name without a plug-in (old results) is of a Unix socket if it says so."""
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


def network_rungs() -> list[str]:
    """Return the network rungs from the bottom up; alphabetically on the same level."""
    return sorted(plugins.names(NetworkRung), key=lambda rung: (len(rungs_below(rung)), rung))


def keeps_loopback(network: str) -> bool:
    """Return whether a hop with this rung stays on the loopback interface; higher rungs have their own addresses."""
    rungs = [plugins.load(NetworkRung, rung) for rung in (network, *rungs_below(network))]
    return all(rung.listen_address in ("", LOOPBACK) for rung in rungs)


def is_ipv6(name: str) -> bool:
    """Return whether connections over the transport use IPv6."""
    return name in transports() and ":" in transports()[name].host


def is_in_sockmap(name: str) -> bool:
    """Return whether BPF hands the messages of the transport from socket to socket."""
    return name in transports() and transports()[name].in_sockmap


def socket_protocol(name: str) -> int:
    """Return the protocol of the transport's sockets, as in socket(2); 0 for the usual one."""
    return transports()[name].socket_protocol if name in transports() else 0


def connection_counters(name: str) -> tuple[str, ...]:
    """Return the transport's own counters of connections; empty where it has none."""
    return transports()[name].connection_counters if name in transports() else ()


def rungs_below(network: str) -> list[str]:
    """Return the rungs below `network`, the nearest first."""
    below = plugins.load(NetworkRung, network).below
    return [below, *rungs_below(below)] if below else []
