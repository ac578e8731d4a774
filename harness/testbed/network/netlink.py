"""Links and loopback by netlink."""

import ipaddress
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from harness.model.knobs import LoAttribute, LoRoute
from harness.model.rungs import SUBNET, Bridge, LinkAddress, VethPair
from harness.testbed.network.namespace import NetworkNamespace

PREFIX_BITS = ipaddress.ip_network(SUBNET).prefixlen
NO_ADDRESSES = {"attrs": [("AF_INET6", {"attrs": [("IFLA_INET6_ADDR_GEN_MODE", 1)]})]}  # linux/if_link.h: NONE
LO_INDEX = 1  # LOOPBACK_IFINDEX, the same in every network namespace
LOCAL_TABLE = 255
IPV4 = 2
METRICS = {"quickack": "quickack", "congctl": "cc_algo"}  # pyroute2's names

RouteFields = dict[str, Any]


@contextmanager
def open_routing() -> Iterator[Any]:
    """Open pyroute2's IPRoute: links, addresses, routes."""
    from pyroute2 import IPRoute  # takes 100 ms, and few experiments need it

    with _kernel_errors(), IPRoute() as socket:
        yield socket


@contextmanager
def open_filtering(family: int) -> Iterator[Any]:
    """Open pyroute2's NFTables: tables, chains, rules."""
    from pyroute2.nftables.main import NFTables

    with _kernel_errors(), NFTables(nfgen_family=family) as socket:
        yield socket


@contextmanager
def _kernel_errors() -> Iterator[None]:
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        yield
    except NetlinkError as error:
        raise OSError(error.code, os.strerror(error.code)) from None


def add_pair(pair: VethPair, elsewhere: NetworkNamespace) -> None:
    """Add a pair of links and set both up; the peer is created `elsewhere`."""
    with open_routing() as ip:
        peer = {"ifname": pair.peer, "net_ns_fd": elsewhere.descriptor}
        ip.link("add", ifname=pair.name, kind="veth", peer=peer)
        _bring_up(ip, pair.name)
    with elsewhere.enter(), open_routing() as ip:
        _bring_up(ip, pair.peer)


def add_bridge(bridge: Bridge) -> None:
    """Add a bridge with its ports and set it up."""
    with open_routing() as ip:
        ip.link("add", ifname=bridge.name, kind="bridge")
        for port in bridge.ports:
            ip.link("set", index=_index(ip, port), master=_index(ip, bridge.name))
        _bring_up(ip, bridge.name)


def add_address(address: LinkAddress) -> None:
    """Add an address to a link."""
    with open_routing() as ip:
        ip.addr("add", index=_index(ip, address.link), address=address.address, prefixlen=PREFIX_BITS)


def _bring_up(ip: Any, name: str) -> None:
    """Set a link up without an IPv6 address, for which the kernel would send packets at arbitrary times."""
    ip.link("set", index=_index(ip, name), IFLA_AF_SPEC=NO_ADDRESSES)
    ip.link("set", index=_index(ip, name), state="up")


def _index(ip: Any, name: str) -> int:
    return int(ip.link_lookup(ifname=name)[0])


def bring_up_loopback() -> None:
    """Set lo up."""
    with open_routing() as ip:
        ip.link("set", index=LO_INDEX, state="up")


def set_loopback_attribute(change: LoAttribute) -> None:
    """Set an attribute of lo."""
    with open_routing() as ip:
        ip.link("set", index=LO_INDEX, **{change.name: change.value})


def loopback_attribute(name: str) -> str:
    """Return an attribute of lo."""
    with open_routing() as ip:
        return str(ip.get_links(LO_INDEX)[0].get_attr(f"IFLA_{name.upper()}"))


def set_loopback_route(change: LoRoute) -> None:
    """Set an option of the routes to 127.0.0.0/8 and to 127.0.0.1, which the kernel prefers."""
    with open_routing() as ip:
        for route in _loopback_routes(ip):
            metrics = _route_metrics(route) | {METRICS[change.name]: change.value}
            ip.route("replace", **_present_route(route), metrics=metrics)


def loopback_route_option(name: str) -> str:
    """Return the option of connections to 127.0.0.1; "0" where the route has none."""
    with open_routing() as ip:
        narrowest = max(_loopback_routes(ip), key=lambda route: int(route["dst_len"]))
        return str(_route_metrics(narrowest).get(METRICS[name], 0))


def _loopback_routes(ip: Any) -> list[Any]:
    routes = ip.get_routes(family=IPV4, table=LOCAL_TABLE)
    return [route for route in routes if route.get_attr("RTA_DST") in ("127.0.0.0", "127.0.0.1")]


def _route_metrics(route: Any) -> RouteFields:
    metrics = route.get_attr("RTA_METRICS")
    return {name.removeprefix("RTAX_").lower(): value for name, value in metrics["attrs"]} if metrics else {}


def _present_route(route: Any) -> RouteFields:
    return {
        "dst": f"{route.get_attr('RTA_DST')}/{route['dst_len']}",
        "prefsrc": route.get_attr("RTA_PREFSRC"),
        "oif": LO_INDEX,
        "table": LOCAL_TABLE,
        "type": route["type"],
        "scope": route["scope"],
        "proto": route["proto"],
    }
