"""Connection tracking and address translation by nf_tables: rules as data, for the kernel and for nft(8)."""

import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any, assert_never

from harness.model.plugins import SUBNET, ConntrackFilter, NatBypass, PortMapping
from harness.testbed.network.namespace import open_netlink

TRACKING_TABLE = "barehop"
RUNG_TRACKING_TABLE = "barehop_rung"
NAT_TABLE = "barehop_nat"
TRACKING_HOOKS = ("input", "output")
# linux/netfilter.h and linux/netfilter/nf_tables.h
FAMILIES = {"inet": 1, "ip": 2}
ACCEPT, RETURN = 1, -5
EQUAL, NOT_EQUAL = 0, 1
CT_STATE, ESTABLISHED = 0, 1 << 1
META_IIFNAME, META_L4PROTO = 6, 16
NETWORK_HEADER, TRANSPORT_HEADER = 1, 2
SOURCE, DESTINATION, PORT = 12, 16, 2  # offsets in those headers
DNAT = 1
TCP = 6
NAME_BYTES = 16
WORD_BYTES = 4
REGISTER = 1  # holds the value that an expression works on

Expression = tuple[str, dict[str, Any]]  # name and attributes


@dataclass(frozen=True, slots=True)
class Term:
    """A part of a rule: its text, and its expressions in the kernel or the code of its verdict."""

    text: str
    expressions: tuple[Expression, ...] = ()
    verdict: int | None = None


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain at the hook of its name that accepts what no rule matches."""

    hook: str
    kind: str = "filter"
    priority: int = 0

    def text(self, family: str, table: str) -> str:
        """Return the arguments of nft that add the chain."""
        settings = f"type {self.kind} hook {self.hook} priority {self.priority};"
        return f"'add chain {family} {table} {self.hook} {{ {settings} }}'"

    def add(self, nft: Any, table: str) -> None:
        """Add the chain."""
        kind = {"hook": self.hook, "type": self.kind, "priority": self.priority}
        nft.chain("add", table=table, name=self.hook, policy=ACCEPT, **kind)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a chain. `verb`: "add" it after the others, or "insert" it before them."""

    chain: str
    terms: tuple[Term, ...]
    verb: str = "add"

    def text(self, family: str, table: str) -> str:
        """Return the arguments of nft that add the rule."""
        return " ".join([self.verb, "rule", family, table, self.chain, *(term.text for term in self.terms)])

    def add(self, nft: Any, table: str) -> None:
        """Add the rule."""
        from pyroute2.nftables.expressions import genex, verdict

        expressions = [genex(name, values) for term in self.terms for name, values in term.expressions]
        verdicts = [verdict(term.verdict) for term in self.terms if term.verdict is not None]
        nft.rule(self.verb, table=table, chain=self.chain, expressions=(expressions, *verdicts))


@dataclass(frozen=True, slots=True)
class Ruleset:
    """Chains and rules of a table. `is_new`: the table is added too."""

    family: str
    table: str
    entries: tuple[Chain | Rule, ...]
    is_new: bool = True

    def commands(self) -> list[str]:
        """Return the commands that add it."""
        table = [f"add table {self.family} {self.table}"] if self.is_new else []
        return [f"nft {text}" for text in (*table, *(entry.text(self.family, self.table) for entry in self.entries))]

    def add(self) -> None:
        """Add it to this thread's network. Raises OSError."""
        with open_filtering(self.family) as nft:
            if self.is_new:
                nft.table("add", name=self.table)
            for entry in self.entries:
                entry.add(nft, self.table)


def open_filtering(family: str) -> AbstractContextManager[Any]:
    """Open pyroute2's NFTables: tables, chains, rules."""
    from pyroute2.nftables.main import NFTables

    return open_netlink(NFTables, nfgen_family=FAMILIES[family])


def rules_of(step: ConntrackFilter | PortMapping | NatBypass, ports: Iterable[int]) -> Ruleset:
    """Return the rules of a step of a network path, where the far end listens on `ports`."""
    match step:
        case ConntrackFilter():
            return _tracking_rules(RUNG_TRACKING_TABLE, step.hooks)
        case PortMapping():
            return _mapping_rules(step, ports)
        case NatBypass():
            return _bypass_rules(step)
        case _:
            assert_never(step)


def _tracking_rules(table: str, hooks: Iterable[str]) -> Ruleset:
    accept = (_established(), Term("accept", verdict=ACCEPT))
    return Ruleset("inet", table, tuple(entry for hook in hooks for entry in (Chain(hook), Rule(hook, accept))))


def knob_tracking_rules() -> Ruleset:
    """Return the filter of the knob."""
    return _tracking_rules(TRACKING_TABLE, TRACKING_HOOKS)


def set_tracking(*, on: bool) -> None:
    """Add the filter of the knob, or remove it."""
    if on == is_tracking():
        return
    if on:
        knob_tracking_rules().add()
        return
    with open_filtering("inet") as nft:
        nft.table("del", name=TRACKING_TABLE)


def is_tracking() -> bool:
    """Return whether all rules of the knob's filter are there."""
    with open_filtering("inet") as nft:
        rules = [rule for rule in nft.get_rules() if rule.get_attr("NFTA_RULE_TABLE") == TRACKING_TABLE]
        return sorted(rule.get_attr("NFTA_RULE_CHAIN") for rule in rules) == sorted(TRACKING_HOOKS)


def _mapping_rules(mapping: PortMapping, ports: Iterable[int]) -> Ruleset:
    rules = [
        rule
        for port in ports
        for rule in (
            Rule("prerouting", (_to_address(mapping.address), _to_port(port), _dnat(mapping.to))),
            Rule(
                "postrouting",
                (_from_subnet(), _to_address(mapping.to), _to_port(port), Term("masquerade", (("masq", {}),))),
            ),
        )
    ]
    return Ruleset("ip", NAT_TABLE, (Chain("prerouting", "nat", -100), Chain("postrouting", "nat", 100), *rules))


def _bypass_rules(bypass: NatBypass) -> Ruleset:
    name = bypass.link.encode().ljust(NAME_BYTES, b"\0")
    from_link = Term(f"iifname {bypass.link}", (_meta(META_IIFNAME), _compare(name)))
    rule = Rule("prerouting", (from_link, Term("return", verdict=RETURN)), verb="insert")
    return Ruleset("ip", NAT_TABLE, (rule,), is_new=False)


def _established() -> Term:
    state, none = ESTABLISHED.to_bytes(WORD_BYTES, sys.byteorder), bytes(WORD_BYTES)
    loaded = ("ct", {"dreg": REGISTER, "key": CT_STATE})
    return Term("ct state established", (loaded, _mask(state), _compare(none, NOT_EQUAL)))


def _to_address(address: str) -> Term:
    return Term(f"ip daddr {address}", (_load(NETWORK_HEADER, DESTINATION, 4), _compare(IPv4Address(address).packed)))


def _from_subnet() -> Term:
    network = IPv4Network(SUBNET)
    masked = (_load(NETWORK_HEADER, SOURCE, 4), _mask(network.netmask.packed))
    return Term(f"ip saddr {SUBNET}", (*masked, _compare(network.network_address.packed)))


def _to_port(port: int) -> Term:
    of_tcp = (_meta(META_L4PROTO), _compare(bytes([TCP])))
    return Term(f"tcp dport {port}", (*of_tcp, _load(TRANSPORT_HEADER, PORT, 2), _compare(port.to_bytes(2, "big"))))


def _dnat(address: str) -> Term:
    target = ("immediate", {"dreg": REGISTER, "data": _constant(IPv4Address(address).packed)})
    nat = ("nat", {"type": DNAT, "family": FAMILIES["ip"], "reg_addr_min": REGISTER})
    return Term(f"dnat to {address}", (target, nat))


def _meta(key: int) -> Expression:
    return "meta", {"dreg": REGISTER, "key": key}


def _load(header: int, offset: int, size: int) -> Expression:
    return "payload", {"dreg": REGISTER, "base": header, "offset": offset, "len": size}


def _mask(mask: bytes) -> Expression:
    values = {"mask": _constant(mask), "xor": _constant(bytes(len(mask)))}
    return "bitwise", {"sreg": REGISTER, "dreg": REGISTER, "len": len(mask), **values}


def _compare(value: bytes, operation: int = EQUAL) -> Expression:
    return "cmp", {"sreg": REGISTER, "op": operation, "data": _constant(value)}


def _constant(value: bytes) -> dict[str, Any]:
    return {"attrs": [("NFTA_DATA_VALUE", value)]}
