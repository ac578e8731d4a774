"""Private networks: whether this machine lets us make one, and what could be left of one."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from harness.errors import MachineError
from harness.testbed.network import namespace
from harness.testbed.network import nft as nft_module
from harness.testbed.network.namespace import NetworkNamespace, bring_up_loopback, create_network, open_routing
from harness.testbed.network.sysctl_copy import read_network_values

CHECKOUT = Path(__file__).parents[2]
ADDRESSES = ("10.77.0.1", "10.77.0.2")


def may_make_one() -> bool:
    try:
        with create_network():
            return True
    except MachineError:
        return False


def of_the_host() -> tuple[object, ...]:
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    with nft_module.open_filtering("inet") as nft:
        tables = [table.get_attr("NFTA_TABLE_NAME") for table in nft.get_tables()]
    lo = (
        namespace.loopback_attribute("mtu"),
        namespace.loopback_attribute("gso_max_size"),
        namespace.loopback_route_option("quickack"),
    )
    return (read_network_values(), lo, tables, descriptors)


def networks_in_use() -> set[str]:
    """Of every process, by what it is in and by what it holds open."""
    processes = [Path(f"/proc/{pid}") for pid in psutil.pids()]
    links = (link for process in processes for link in (*process.glob("fd/*"), process / "ns/net"))
    return {target for link in links if (target := link_target(link)).startswith("net:")}


def link_target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


@contextmanager
def joined_networks() -> Iterator[tuple[NetworkNamespace, NetworkNamespace]]:
    """Two networks with lo and one of `ADDRESSES` each, joined by a link; `set_link` cuts it. Needs root."""
    with create_network() as first, create_network() as second:
        with first.enter(), open_routing() as ip:
            ip.link("add", ifname="joint", kind="veth", peer={"ifname": "joint", "net_ns_fd": second.descriptor})
        for network, address in zip((first, second), ADDRESSES, strict=True):
            with network.enter(), open_routing() as ip:
                ip.addr("add", index=ip.link_lookup(ifname="joint")[0], address=address, prefixlen=24)
            with network.enter():
                bring_up_loopback()
            set_link(network, "up")
        yield first, second


def hub_address(spoke: int) -> str:
    """Where the network in the middle of a star is found from a spoke; the spoke itself has the next address."""
    return f"10.78.{spoke}.1"


@contextmanager
def star_of_networks(spokes: int) -> Iterator[tuple[NetworkNamespace, list[NetworkNamespace]]]:
    """A network and others that have a link to it each, like hosts on a switch. Needs root."""
    with ExitStack() as exit_stack:
        hub, *others = (exit_stack.enter_context(create_network()) for _ in range(spokes + 1))
        for number, spoke in enumerate(others):
            near, far = f"spoke{number}", "hub"
            with hub.enter(), open_routing() as ip:
                ip.link("add", ifname=near, kind="veth", peer={"ifname": far, "net_ns_fd": spoke.descriptor})
            for network, name, host in ((hub, near, 1), (spoke, far, 2)):
                with network.enter(), open_routing() as ip:
                    index = ip.link_lookup(ifname=name)[0]
                    ip.addr("add", index=index, address=f"10.78.{number}.{host}", prefixlen=24)
                    ip.link("set", index=index, state="up")
        for network in (hub, *others):
            with network.enter():
                bring_up_loopback()
        yield hub, others


def set_link(network: NetworkNamespace, state: str) -> None:
    with network.enter(), open_routing() as ip:
        ip.link("set", index=ip.link_lookup(ifname="joint")[0], state=state)
