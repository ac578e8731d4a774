"""Virtual links, bridges and their addresses, in this thread's network."""

import ipaddress
from typing import Any

from harness.lab.network.netlink import routing
from harness.lab.network.netns import Network
from harness.model.rungs import SUBNET, Address, Bridge, Pair

PREFIX_BITS = ipaddress.ip_network(SUBNET).prefixlen
NO_ADDRESSES = {"attrs": [("AF_INET6", {"attrs": [("IFLA_INET6_ADDR_GEN_MODE", 1)]})]}  # linux/if_link.h: NONE


def add_pair(pair: Pair, elsewhere: Network) -> None:
    """Add a pair of links and set both up; the peer is created `elsewhere`."""
    with routing() as ip:
        peer = {"ifname": pair.peer, "net_ns_fd": elsewhere.descriptor}
        ip.link("add", ifname=pair.name, kind="veth", peer=peer)
        _set_up(ip, pair.name)
    with elsewhere.entered(), routing() as ip:
        _set_up(ip, pair.peer)


def add_bridge(bridge: Bridge) -> None:
    """Add a bridge with its ports and set it up."""
    with routing() as ip:
        ip.link("add", ifname=bridge.name, kind="bridge")
        for port in bridge.ports:
            ip.link("set", index=_index(ip, port), master=_index(ip, bridge.name))
        _set_up(ip, bridge.name)


def add_address(address: Address) -> None:
    """Add an address to a link."""
    with routing() as ip:
        ip.addr("add", index=_index(ip, address.link), address=address.address, prefixlen=PREFIX_BITS)


def _set_up(ip: Any, name: str) -> None:
    """Set a link up without an IPv6 address, for which the kernel would send packets at arbitrary times."""
    ip.link("set", index=_index(ip, name), IFLA_AF_SPEC=NO_ADDRESSES)
    ip.link("set", index=_index(ip, name), state="up")


def _index(ip: Any, name: str) -> int:
    return int(ip.link_lookup(ifname=name)[0])
