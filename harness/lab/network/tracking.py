"""Connection tracking in this thread's network, by a packet filter of ours that uses the state of connections."""

import sys
from collections.abc import Iterable
from typing import Any

from harness.lab.network.netlink import filtering

TABLE = "barehop"
RUNG_TABLE = "barehop_rung"
HOOKS = ("input", "output")
# linux/netfilter.h and linux/netfilter/nf_tables.h
NF_INET, ACCEPT, NOT_EQUAL = 1, 1, 1
CT_STATE, ESTABLISHED = 0, 1 << 1
REGISTER = 1
WORD_BYTES = 4


def set_tracking(*, on: bool) -> None:
    """Add `nft add rule inet barehop input ct state established accept`, and the same for output; or remove both."""
    if on == is_tracking():
        return
    with filtering(NF_INET) as nft:
        if not on:
            nft.table("del", name=TABLE)
            return
        _add_state_rules(nft, TABLE, HOOKS)


def track_at(hooks: Iterable[str]) -> None:
    """Add the same rule at `hooks`, in the table of the network rung."""
    with filtering(NF_INET) as nft:
        _add_state_rules(nft, RUNG_TABLE, hooks)


def is_tracking() -> bool:
    """Return whether all rules of ours are there."""
    with filtering(NF_INET) as nft:
        rules = [rule for rule in nft.get_rules() if rule.get_attr("NFTA_RULE_TABLE") == TABLE]
        return sorted(rule.get_attr("NFTA_RULE_CHAIN") for rule in rules) == sorted(HOOKS)


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
