"""Network address translation in this thread's network, by a packet filter of ours: the parts of a published port."""

import ipaddress
from collections.abc import Iterable
from typing import Any

from harness.lab.network.netlink import filtering
from harness.lab.network.tracking import ACCEPT, REGISTER, data_value
from harness.model.rungs import SUBNET, Published, Untranslated

TABLE = "barehop_nat"
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


def publish(published: Published, ports: Iterable[int]) -> None:
    """Add `ip daddr ADDRESS tcp dport PORT dnat to TO`, and `ip saddr SUBNET ip daddr TO tcp dport PORT masquerade`."""
    with filtering(NF_IPV4) as nft:
        nft.table("add", name=TABLE)
        for hook, priority in PRIORITIES.items():
            nft.chain("add", table=TABLE, name=hook, hook=hook, type="nat", policy=ACCEPT, priority=priority)
        for port in ports:
            destination = [*_match_address(DESTINATION, published.address), *_match_port(port), *_dnat_to(published.to)]
            nft.rule("add", table=TABLE, chain="prerouting", expressions=(destination,))
            source = [
                *_match_subnet(),
                *_match_address(DESTINATION, published.to),
                *_match_port(port),
                _genex("masq", {}),
            ]
            nft.rule("add", table=TABLE, chain="postrouting", expressions=(source,))


def leave_untranslated(untranslated: Untranslated) -> None:
    """Insert `nft insert rule ... prerouting iifname LINK return`, before the existing rules."""
    from pyroute2.nftables.expressions import verdict

    name = untranslated.link.encode().ljust(NAME_BYTES, b"\0")
    from_link = [_genex("meta", {"dreg": REGISTER, "key": META_IIFNAME}), _equals(name)]
    with filtering(NF_IPV4) as nft:
        nft.rule("insert", table=TABLE, chain="prerouting", expressions=(from_link, verdict(RETURN)))


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
