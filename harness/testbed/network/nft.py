"""Connection tracking and address translation by nf_tables."""

import ipaddress
import sys
from collections.abc import Iterable
from typing import Any

from harness.model.rungs import SUBNET, NatBypass, PortMapping
from harness.testbed.network.netlink import open_filtering

TRACKING_TABLE = "barehop"
RUNG_TRACKING_TABLE = "barehop_rung"
TRACKING_HOOKS = ("input", "output")
# linux/netfilter.h and linux/netfilter/nf_tables.h
NF_INET, ACCEPT, NOT_EQUAL = 1, 1, 1
CT_STATE, ESTABLISHED = 0, 1 << 1
REGISTER = 1
WORD_BYTES = 4
NAT_TABLE = "barehop_nat"
# linux/netfilter.h and linux/netfilter/nf_tables.h
NF_IPV4, RETURN, EQUAL = 2, -5, 0
META_L4PROTO, META_IIFNAME = 16, 6
NETWORK_HEADER, TRANSPORT_HEADER = 1, 2
SOURCE, DESTINATION, PORT = 12, 16, 2  # offsets in those headers
DNAT = 1
PRIORITIES = {"prerouting": -100, "postrouting": 100}  # nft's dstnat and srcnat
TCP = 6
NAME_BYTES = 16

Expression = list[Any]


def set_tracking(*, on: bool) -> None:
    """Add `nft add rule inet barehop input ct state established accept`, and the same for output; or remove both."""
    if on == is_tracking():
        return
    with open_filtering(NF_INET) as nft:
        if not on:
            nft.table("del", name=TRACKING_TABLE)
            return
        _add_state_rules(nft, TRACKING_TABLE, TRACKING_HOOKS)


def add_tracking(hooks: Iterable[str]) -> None:
    """Add the same rule at `hooks`, in the table of the network rung."""
    with open_filtering(NF_INET) as nft:
        _add_state_rules(nft, RUNG_TRACKING_TABLE, hooks)


def is_tracking() -> bool:
    """Return whether all rules of ours are there."""
    with open_filtering(NF_INET) as nft:
        rules = [rule for rule in nft.get_rules() if rule.get_attr("NFTA_RULE_TABLE") == TRACKING_TABLE]
        return sorted(rule.get_attr("NFTA_RULE_CHAIN") for rule in rules) == sorted(TRACKING_HOOKS)


def _add_state_rules(nft: Any, table: str, hooks: Iterable[str]) -> None:
    nft.table("add", name=table)
    for hook in hooks:
        nft.chain("add", table=table, name=hook, hook=hook, type="filter", policy=ACCEPT)
        nft.rule("add", table=table, chain=hook, expressions=_established_accept())


def _established_accept() -> tuple[Any, ...]:
    from pyroute2.nftables.expressions import genex, verdict

    state = {"dreg": REGISTER, "key": CT_STATE}
    masked = {"sreg": REGISTER, "dreg": REGISTER, "len": WORD_BYTES, "mask": _word(ESTABLISHED), "xor": _word(0)}
    matches = {"sreg": REGISTER, "op": NOT_EQUAL, "data": _word(0)}
    return ([genex("ct", state), genex("bitwise", masked), genex("cmp", matches)], verdict(ACCEPT))


def _word(value: int) -> dict[str, Any]:
    return data_value(value.to_bytes(WORD_BYTES, sys.byteorder))


def data_value(value: bytes) -> dict[str, Any]:
    """Return the netlink attribute of a constant."""
    return {"attrs": [("NFTA_DATA_VALUE", value)]}


def publish_ports(published: PortMapping, ports: Iterable[int]) -> None:
    """Add `ip daddr ADDRESS tcp dport PORT dnat to TO`, and `ip saddr SUBNET ip daddr TO tcp dport PORT masquerade`."""
    with open_filtering(NF_IPV4) as nft:
        nft.table("add", name=NAT_TABLE)
        for hook, priority in PRIORITIES.items():
            nft.chain("add", table=NAT_TABLE, name=hook, hook=hook, type="nat", policy=ACCEPT, priority=priority)
        for port in ports:
            destination = [*_match_address(DESTINATION, published.address), *_match_port(port), *_dnat_to(published.to)]
            nft.rule("add", table=NAT_TABLE, chain="prerouting", expressions=(destination,))
            source = [
                *_match_subnet(),
                *_match_address(DESTINATION, published.to),
                *_match_port(port),
                _genex("masq", {}),
            ]
            nft.rule("add", table=NAT_TABLE, chain="postrouting", expressions=(source,))


def bypass_nat(untranslated: NatBypass) -> None:
    """Insert `nft insert rule ... prerouting iifname LINK return`, before the existing rules."""
    from pyroute2.nftables.expressions import verdict

    name = untranslated.link.encode().ljust(NAME_BYTES, b"\0")
    from_link = [_genex("meta", {"dreg": REGISTER, "key": META_IIFNAME}), _equals(name)]
    with open_filtering(NF_IPV4) as nft:
        nft.rule("insert", table=NAT_TABLE, chain="prerouting", expressions=(from_link, verdict(RETURN)))


def _match_address(offset: int, address: str) -> Expression:
    return [_load(NETWORK_HEADER, offset, 4), _equals(ipaddress.IPv4Address(address).packed)]


def _match_subnet() -> Expression:
    network = ipaddress.IPv4Network(SUBNET)
    masked = {
        "sreg": REGISTER,
        "dreg": REGISTER,
        "len": 4,
        "mask": data_value(network.netmask.packed),
        "xor": data_value(bytes(4)),
    }
    return [_load(NETWORK_HEADER, SOURCE, 4), _genex("bitwise", masked), _equals(network.network_address.packed)]


def _match_port(port: int) -> Expression:
    """Match a destination port of TCP."""
    of_tcp = [_genex("meta", {"dreg": REGISTER, "key": META_L4PROTO}), _equals(bytes([TCP]))]
    return [*of_tcp, _load(TRANSPORT_HEADER, PORT, 2), _equals(port.to_bytes(2, "big"))]


def _dnat_to(address: str) -> Expression:
    target = {"dreg": REGISTER, "data": data_value(ipaddress.IPv4Address(address).packed)}
    return [_genex("immediate", target), _genex("nat", {"type": DNAT, "family": NF_IPV4, "reg_addr_min": REGISTER})]


def _load(header: int, offset: int, size: int) -> Any:
    return _genex("payload", {"dreg": REGISTER, "base": header, "offset": offset, "len": size})


def _equals(value: bytes) -> Any:
    return _genex("cmp", {"sreg": REGISTER, "op": EQUAL, "data": data_value(value)})


def _genex(name: str, attributes: dict[str, Any]) -> Any:
    from pyroute2.nftables.expressions import genex

    return genex(name, attributes)
