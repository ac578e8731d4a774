"""A network path as lines of a shell script."""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import assert_never

from harness.model.rungs import (
    SUBNET,
    Bridge,
    ConntrackFilter,
    LinkAddress,
    NamespacePlace,
    NatBypass,
    NetworkStep,
    PortMapping,
    PortRelay,
    SysctlValue,
    VethPair,
)
from harness.testbed.network.build import NetworkPath
from harness.testbed.network.nft import NAT_TABLE, RUNG_TRACKING_TABLE

NamespaceNames = Mapping[NamespacePlace, str]  # of the namespaces, as `ip netns` has them

PREFIX_BITS = ipaddress.ip_network(SUBNET).prefixlen
COPY_HOST_VALUES = "sysctl -a 2>/dev/null | grep '^net[.]' | {} sysctl -e -q -p - >/dev/null 2>&1 || true"


def building_commands(network_path: NetworkPath, names: NamespaceNames, ports: Sequence[int]) -> list[str]:
    """Return commands that make the namespaces, with the host's values, and all that lies between them."""
    namespaces = [line for name in names.values() for line in _namespace_commands(name)]
    return [*namespaces, *(line for step in network_path.steps for line in _step_commands(step, names, ports))]


def namespace_prefix(name: str) -> str:
    """Return the prefix of a command that runs in a namespace."""
    return f"ip netns exec {name}"


def tracking_commands(table: str, hooks: Iterable[str]) -> list[str]:
    """Return commands for a packet filter that uses the state of connections."""
    lines = [f"nft add table inet {table}"]
    for hook in hooks:
        lines.append(f"nft 'add chain inet {table} {hook} {{ type filter hook {hook} priority 0; }}'")
        lines.append(f"nft add rule inet {table} {hook} ct state established accept")
    return lines


def _namespace_commands(name: str) -> list[str]:
    return [f"ip netns add {name}", f"ip -n {name} link set lo up", COPY_HOST_VALUES.format(namespace_prefix(name))]


def _step_commands(step: NetworkStep, names: NamespaceNames, ports: Sequence[int]) -> list[str]:
    name = names[step.place]
    match step:
        case VethPair() | Bridge() | LinkAddress():
            return list(_link_commands(step, names))
        case SysctlValue():
            ignored = " 2>/dev/null || true" if step.optional else ""
            return [f"{namespace_prefix(name)} sysctl -q -w {step.path.replace('/', '.')}={step.text}{ignored}"]
        case ConntrackFilter():
            return [f"{namespace_prefix(name)} {line}" for line in tracking_commands(RUNG_TRACKING_TABLE, step.hooks)]
        case PortMapping() | NatBypass():
            return [f"{namespace_prefix(name)} nft {line}" for line in _nat_rules(step, ports)]
        case PortRelay():
            return []  # a process, started with the servers
        case _:
            assert_never(step)


def _link_commands(step: VethPair | Bridge | LinkAddress, names: NamespaceNames) -> Iterator[str]:
    prefix = f"ip -n {names[step.place]}"
    match step:
        case VethPair():
            yield f"{prefix} link add {step.name} type veth peer name {step.peer} netns {names[step.peer_place]}"
            for name, link in ((names[step.place], step.name), (names[step.peer_place], step.peer)):
                yield f"ip -n {name} link set {link} addrgenmode none"
                yield f"ip -n {name} link set {link} up"
        case Bridge():
            yield f"{prefix} link add {step.name} type bridge"
            yield from (f"{prefix} link set {port} master {step.name}" for port in step.ports)
            yield f"{prefix} link set {step.name} addrgenmode none"
            yield f"{prefix} link set {step.name} up"
        case LinkAddress():
            yield f"{prefix} addr add {step.address}/{PREFIX_BITS} dev {step.link}"
        case _:
            assert_never(step)


def _nat_rules(step: PortMapping | NatBypass, ports: Sequence[int]) -> Iterator[str]:
    if isinstance(step, NatBypass):
        yield f"insert rule ip {NAT_TABLE} prerouting iifname {step.link} return"
        return
    yield f"add table ip {NAT_TABLE}"
    yield f"'add chain ip {NAT_TABLE} prerouting {{ type nat hook prerouting priority -100; }}'"
    yield f"'add chain ip {NAT_TABLE} postrouting {{ type nat hook postrouting priority 100; }}'"
    for port in ports:
        yield f"add rule ip {NAT_TABLE} prerouting ip daddr {step.address} tcp dport {port} dnat to {step.to}"
        match = f"ip saddr {SUBNET} ip daddr {step.to} tcp dport {port}"
        yield f"add rule ip {NAT_TABLE} postrouting {match} masquerade"
