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
VERDICT_REGISTER, REGISTER = 0, 1  # REGISTER holds the value that an expression works on

Expression = tuple[str, dict[str, Any]]  # name and attributes


@dataclass(frozen=True, slots=True)
class Term:
    """A part of a rule: its text, and its expressions in the kernel."""

    text: str
    expressions: tuple[Expression, ...]


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
        from pyroute2.nftables.expressions import genex

        expressions = [genex(name, values) for term in self.terms for name, values in term.expressions]
        nft.rule(self.verb, table=table, chain=self.chain, expressions=(expressions,))


@dataclass(frozen=True, slots=True)
class Ruleset:
    """Chains and rules of a table. `is_new`: the table is added too."""

    family: str
    table: str
    entries: tuple[Chain | Rule, ...]
    is_new: bool = True

    def commands(self) -> list[str]:
        """Return the commands that add the rules."""
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
            chains = (Chain("prerouting", "nat", -100), Chain("postrouting", "nat", 100))
            rules = [rule for port in ports for rule in _mapping_rules(step, port)]
            return Ruleset("ip", NAT_TABLE, (*chains, *rules))
        case NatBypass():
            name = step.link.encode().ljust(NAME_BYTES, b"\0")
            from_link = Term(f"iifname {step.link}", (_meta(META_IIFNAME), _compare(name)))
            rule = Rule("prerouting", (from_link, _verdict("return", RETURN)), verb="insert")
            return Ruleset("ip", NAT_TABLE, (rule,), is_new=False)
        case _:
            assert_never(step)


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


def _tracking_rules(table: str, hooks: Iterable[str]) -> Ruleset:
    state, none = ESTABLISHED.to_bytes(WORD_BYTES, sys.byteorder), bytes(WORD_BYTES)
    loaded = ("ct", {"dreg": REGISTER, "key": CT_STATE})
    established = Term("ct state established", (loaded, _mask(state), _compare(none, NOT_EQUAL)))
    terms = (established, _verdict("accept", ACCEPT))
    return Ruleset("inet", table, tuple(entry for hook in hooks for entry in (Chain(hook), Rule(hook, terms))))


def _mapping_rules(mapping: PortMapping, port: int) -> tuple[Rule, Rule]:
    """Return the translation of connections to `port`, and their masquerading."""
    network = IPv4Network(SUBNET)
    masked = (_load(NETWORK_HEADER, SOURCE, 4), _mask(network.netmask.packed))
    from_subnet = Term(f"ip saddr {SUBNET}", (*masked, _compare(network.network_address.packed)))
    of_tcp = (_meta(META_L4PROTO), _compare(bytes([TCP])))
    port_bytes = port.to_bytes(2, "big")
    to_port = Term(f"tcp dport {port}", (*of_tcp, _load(TRANSPORT_HEADER, PORT, 2), _compare(port_bytes)))
    target = ("immediate", {"dreg": REGISTER, "data": _constant(IPv4Address(mapping.to).packed)})
    nat = ("nat", {"type": DNAT, "family": FAMILIES["ip"], "reg_addr_min": REGISTER})
    masquerade = Term("masquerade", (("masq", {}),))
    return (
        Rule("prerouting", (_to_address(mapping.address), to_port, Term(f"dnat to {mapping.to}", (target, nat)))),
        Rule("postrouting", (from_subnet, _to_address(mapping.to), to_port, masquerade)),
    )


def _to_address(address: str) -> Term:
    return Term(f"ip daddr {address}", (_load(NETWORK_HEADER, DESTINATION, 4), _compare(IPv4Address(address).packed)))


def _verdict(text: str, code: int) -> Term:
    verdict = {"attrs": [("NFTA_DATA_VERDICT", {"attrs": [("NFTA_VERDICT_CODE", code)]})]}
    return Term(text, (("immediate", {"dreg": VERDICT_REGISTER, "data": verdict}),))


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
