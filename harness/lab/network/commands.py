"""The way of a rung as lines of a shell script, for those who want to build it by hand."""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import assert_never

from harness.lab.network.tracking import RUNG_TABLE
from harness.lab.network.translation import TABLE
from harness.lab.network.way import Way
from harness.model.rungs import (
    SUBNET,
    Address,
    Bridge,
    Pair,
    Place,
    Published,
    Relayed,
    Step,
    Tracked,
    Untranslated,
    Value,
)

Names = Mapping[Place, str]  # of the namespaces, as `ip netns` has them

PREFIX_BITS = ipaddress.ip_network(SUBNET).prefixlen
LIKE_THE_HOST = "sysctl -a 2>/dev/null | grep '^net[.]' | {} sysctl -e -q -p - >/dev/null 2>&1 || true"


def building_commands(way: Way, names: Names, ports: Sequence[int]) -> list[str]:
    """What makes the namespaces, with the host's values, and all that lies between them."""
    made = [line for name in names.values() for line in _namespace(name)]
    return [*made, *(line for step in way.steps for line in _commands(step, names, ports))]


def inside(name: str) -> str:
    """What a command is begun with that is to run in a namespace."""
    return f"ip netns exec {name}"


def tracking_commands(table: str, hooks: Iterable[str]) -> list[str]:
    """A packet filter that asks for the state of connections."""
    lines = [f"nft add table inet {table}"]
    for hook in hooks:
        lines.append(f"nft 'add chain inet {table} {hook} {{ type filter hook {hook} priority 0; }}'")
        lines.append(f"nft add rule inet {table} {hook} ct state established accept")
    return lines


def _namespace(name: str) -> list[str]:
    return [f"ip netns add {name}", f"ip -n {name} link set lo up", LIKE_THE_HOST.format(inside(name))]


def _commands(step: Step, names: Names, ports: Sequence[int]) -> list[str]:
    name = names[step.place]
    match step:
        case Pair() | Bridge() | Address():
            return list(_of_links(step, names))
        case Value():
            missed = " 2>/dev/null || true" if step.optional else ""
            return [f"{inside(name)} sysctl -q -w {step.path.replace('/', '.')}={step.text}{missed}"]
        case Tracked():
            return [f"{inside(name)} {line}" for line in tracking_commands(RUNG_TABLE, step.hooks)]
        case Published() | Untranslated():
            return [f"{inside(name)} nft {line}" for line in _of_translation(step, ports)]
        case Relayed():
            return []  # a process, started with the servers
        case _:
            assert_never(step)


def _of_links(step: Pair | Bridge | Address, names: Names) -> Iterator[str]:
    at = f"ip -n {names[step.place]}"
    match step:
        case Pair():
            yield f"{at} link add {step.name} type veth peer name {step.peer} netns {names[step.peer_place]}"
            for name, link in ((names[step.place], step.name), (names[step.peer_place], step.peer)):
                yield f"ip -n {name} link set {link} addrgenmode none"
                yield f"ip -n {name} link set {link} up"
        case Bridge():
            yield f"{at} link add {step.name} type bridge"
            yield from (f"{at} link set {port} master {step.name}" for port in step.ports)
            yield f"{at} link set {step.name} addrgenmode none"
            yield f"{at} link set {step.name} up"
        case Address():
            yield f"{at} addr add {step.address}/{PREFIX_BITS} dev {step.link}"
        case _:
            assert_never(step)


def _of_translation(step: Published | Untranslated, ports: Sequence[int]) -> Iterator[str]:
    if isinstance(step, Untranslated):
        yield f"insert rule ip {TABLE} prerouting iifname {step.link} return"
        return
    yield f"add table ip {TABLE}"
    yield f"'add chain ip {TABLE} prerouting {{ type nat hook prerouting priority -100; }}'"
    yield f"'add chain ip {TABLE} postrouting {{ type nat hook postrouting priority 100; }}'"
    for port in ports:
        yield f"add rule ip {TABLE} prerouting ip daddr {step.address} tcp dport {port} dnat to {step.to}"
        whose = f"ip saddr {SUBNET} ip daddr {step.to} tcp dport {port}"
        yield f"add rule ip {TABLE} postrouting {whose} masquerade"
