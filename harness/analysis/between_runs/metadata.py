"""Finds what differs between the machines, kernels and servers of several runs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.model import JsonModel, Plan, Record

# Facts that change all the time, and those that host.json repeats in another form.
TRANSIENT_FACTS = {
    "identity": ("boot",),
    "memory": ("available_bytes", "swap_free_bytes"),
    "network": ("conntrack_entries",),
}
REPEATED_PARTS = ("pyperf",)
SERVER_VERSION_PREFIXES = ("nginx version:", "Python ")  # the beginning of their version texts
FILE_SYSTEM_KEYS = ("filesystem", "options")
SCHEDULE_KEYS = {"sessions", "rounds", "settle", "burst"}
FactTree = dict[str, Any]
SERVING, SERVER = "serving", "server"  # what serves; the facts of the machine with the servers, if it is another one
MAX_LISTED_ARMS = 3  # arms listed by name; of more, only the number

# A run cannot continue after a change of these.
DECISIVE_FIELDS = (
    "identity.", "kernel.", "cpus.models", "cpus.online", "cpus.allowed", "cpus.topology", "cgroup.cpu_limit",
    "virtual.machine", "python.version", "python.implementation", "programs.", "environment.", "serving.",
)  # fmt: skip
# Except these: they belong to the shell, or affect no server.
HARMLESS_FIELDS = ("environment.LANG", "environment.LC_", "environment.TZ")
# Checked by other doubts in each session, or irrelevant to the measurement.
IGNORED_FIELDS = ("sysctls.", "clock.", "cpus.frequency", "python.distributions", "network.interfaces", "scheduler.")
MAX_VALUE_CHARS = 60  # characters of a value


def settings_tree(plan: Plan) -> FactTree:
    """Return the settings of each arm; a control has those of its arm."""
    arms = (arm for arm in plan.experiment.arms if arm.control_of is None)
    return {"arms": {arm.name: arm.settings.model_dump(mode="json") for arm in arms}}


def design_tree(plan: Plan) -> FactTree:
    """Return the design, and the schedule that follows from it."""
    design = plan.experiment.design.model_dump(mode="json", exclude=SCHEDULE_KEYS)
    return {"design": design, "schedule": plan.schedule.model_dump(include={*SCHEDULE_KEYS, "estimator"})}


def host_tree(host: Mapping[str, Any], records: Sequence[Record], *, servers_apart: bool = False) -> FactTree:
    """Return the lasting facts of host.json, and the placement and sockets from the first session's proofs.

    Empty without host.json. `servers_apart` as for `lasting_facts`.
    """
    lasting = lasting_facts(host, servers_apart=servers_apart)
    return lasting and {**lasting, **_proof_facts(records[0].proofs)}


def lasting_facts(host: Mapping[str, Any], *, servers_apart: bool) -> FactTree:
    """Return the facts of host.json that do not change by themselves.

    `servers_apart` leaves out nginx and Python, which `serving_trees` has by arm.
    """
    lasting = {
        part: _without_transient(part, facts) for part, facts in host.items() if part not in (*REPEATED_PARTS, SERVING)
    }
    if servers_apart and "programs" in lasting:
        programs = lasting["programs"].items()
        lasting["programs"] = {
            name: text for name, text in programs if not str(text).startswith(SERVER_VERSION_PREFIXES)
        }
    if SERVER in lasting:
        lasting[SERVER] = lasting_facts(lasting[SERVER], servers_apart=servers_apart)
    return lasting


def _without_transient(part: str, facts: Any) -> Any:
    transient = TRANSIENT_FACTS.get(part, ())
    return {name: fact for name, fact in facts.items() if name not in transient} if transient else facts


def _proof_facts(proofs: Mapping[str, Mapping[str, Any]]) -> FactTree:
    hops = {arm: proof.get("hop", {}) for arm, proof in proofs.items()}
    return {
        "placement": {arm: _placement(proof.get("cpus", {})) for arm, proof in proofs.items()},
        "sockets": {arm: {key: hop[key] for key in FILE_SYSTEM_KEYS if key in hop} for arm, hop in hops.items()},
    }


def _placement(cpus: Mapping[str, Sequence[int]]) -> str:
    """Return a text like `client 1, nginx 1, app 0,2`."""
    return ", ".join(f"{role} {','.join(map(str, numbers))}" for role, numbers in cpus.items())


class MetadataDifference(JsonModel):
    """A field by its dotted name, and its value in each run, None if absent."""

    field: str
    values: tuple[str | None, ...]


def metadata_differences(trees: Sequence[Mapping[str, object]]) -> Iterator[MetadataDifference]:
    """Yield the fields in which `trees` differ. A part that a tree lacks is unknown and differs from none."""
    for part in dict.fromkeys(part for tree in trees for part in tree):
        flat = [flatten(tree[part], part) if part in tree else None for tree in trees]
        for field in dict.fromkeys(field for facts in flat for field in facts or ()):
            if len({facts.get(field) for facts in flat if facts is not None}) > 1:
                yield MetadataDifference(field=field, values=tuple((facts or {}).get(field) for facts in flat))


def flatten(value: object, name: str = "") -> dict[str, str]:
    """Return `{"a.b": "0 1"}` for `{"a": {"b": [0, 1]}}`; tables in a list and lines of a text are numbered from 0."""
    parts = _parts(value)
    if parts is None:
        return {name: _text(value)}
    parts_by_name = {f"{name}.{key}" if name else str(key): part for key, part in parts.items()}
    return {inner: text for outer, part in parts_by_name.items() for inner, text in flatten(part, outer).items()}


def _parts(value: object) -> Mapping[object, object] | None:
    """Return the parts of a value with fields, lines or tables; None for a plain value."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        return dict(enumerate(value))
    if isinstance(value, str) and "\n" in value:
        return dict(enumerate(value.splitlines()))
    return None


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return " ".join(map(_text, value)) if isinstance(value, list | tuple) else json.dumps(value)


def serving_trees(hosts: Sequence[Mapping[str, Any]]) -> list[FactTree]:
    """Return a tree for each host.json: the facts by the arms that they hold for; empty without such facts.

    Arms with the same facts in every run form one entry; if all arms do, the entry has no name.
    """
    by_arm = [_facts_by_arm(host) for host in hosts]
    groups: dict[str, list[str]] = {}
    for arm in dict.fromkeys(arm for facts in by_arm for arm in facts):
        groups.setdefault(json.dumps([facts.get(arm) for facts in by_arm], sort_keys=True), []).append(arm)
    return [{SERVING: _facts_by_group(facts, list(groups.values()))} if facts else {} for facts in by_arm]


def have_serving_facts(hosts: Sequence[Mapping[str, Any]]) -> bool:
    """Whether each host.json has these facts; older ones do not."""
    return all(SERVING in host for host in hosts)


def _facts_by_arm(host: Mapping[str, Any]) -> dict[str, FactTree]:
    return {
        arm: {name: fact for name, fact in entry.items() if name != "arms"}
        for entry in host.get(SERVING, ())
        for arm in entry.get("arms", ())
    }


def _facts_by_group(facts: Mapping[str, FactTree], groups: Sequence[Sequence[str]]) -> FactTree:
    if len(groups) == 1:
        return facts.get(groups[0][0], {})
    return {_group_name(arms): facts[arms[0]] for arms in groups if arms[0] in facts}


def _group_name(arms: Sequence[str]) -> str:
    """Return a text like `tcp, uds-tmpfs`, or `tcp and 7 more`."""
    return ", ".join(arms) if len(arms) <= MAX_LISTED_ARMS else f"{arms[0]} and {len(arms) - 1} more"


def changes_since(then: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[MetadataDifference, ...]:
    """Return the lasting facts of host.json that changed; a fact that was not recorded has not changed."""
    machine = metadata_differences(
        [lasting_facts(host, servers_apart=have_serving_facts([then, now])) for host in (then, now)]
    )
    differences = [*machine, *metadata_differences(serving_trees([then, now]))]
    return tuple(change for change in differences if not _own_field(change).startswith(IGNORED_FIELDS))


def is_decisive(change: MetadataDifference) -> bool:
    """Whether the change prevents the run from being resumed."""
    field = _own_field(change)
    return field.startswith(DECISIVE_FIELDS) and not field.startswith(HARMLESS_FIELDS)


def _own_field(change: MetadataDifference) -> str:
    """Return the field as the machine itself has it."""
    return change.field.removeprefix(f"{SERVER}.")


def describe_changes(changes: Sequence[MetadataDifference]) -> list[str]:
    """Return texts like `kernel.release was 6.1.0 and is 6.12.1 now.`"""
    return [
        f"{change.field} was {_brief(change.values[0])} and is {_brief(change.values[1])} now." for change in changes
    ]


def _brief(value: str | None) -> str:
    if value is None:
        return "absent"
    text = value or '""'
    return text if len(text) <= MAX_VALUE_CHARS else f"{text[: MAX_VALUE_CHARS - 3]}..."
