"""The interpreters, nginx and applications that served the arms of several runs, as trees to be compared."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

Tree = dict[str, Any]
PART = "serving"
MANY = 3  # arms listed by name; of more, only the number


def serving_trees(hosts: Sequence[Mapping[str, Any]]) -> list[Tree]:
    """Return a tree for each host.json: the facts by the arms that they hold for; empty without such facts.

    Arms with the same facts in every run form one entry; if all arms do, the entry has no name.
    """
    by_arm = [_by_arm(host) for host in hosts]
    groups: dict[str, list[str]] = {}
    for arm in dict.fromkeys(arm for facts in by_arm for arm in facts):
        groups.setdefault(json.dumps([facts.get(arm) for facts in by_arm], sort_keys=True), []).append(arm)
    return [{PART: _named(facts, list(groups.values()))} if facts else {} for facts in by_arm]


def are_known(hosts: Sequence[Mapping[str, Any]]) -> bool:
    """Whether each host.json has these facts; older ones do not."""
    return all(PART in host for host in hosts)


def _by_arm(host: Mapping[str, Any]) -> dict[str, Tree]:
    return {
        arm: {name: fact for name, fact in entry.items() if name != "arms"}
        for entry in host.get(PART, ())
        for arm in entry.get("arms", ())
    }


def _named(facts: Mapping[str, Tree], groups: Sequence[Sequence[str]]) -> Tree:
    if len(groups) == 1:
        return facts.get(groups[0][0], {})
    return {_name(arms): facts[arms[0]] for arms in groups if arms[0] in facts}


def _name(arms: Sequence[str]) -> str:
    """Return a text like `tcp, uds-tmpfs`, or `tcp and 7 more`."""
    return ", ".join(arms) if len(arms) <= MANY else f"{arms[0]} and {len(arms) - 1} more"
