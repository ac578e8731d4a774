"""The metadata of a run as trees to be compared: settings, schedule, host, placement."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.analysis.across.serving import PART, Tree
from harness.model import Plan, Record

# Facts that change all the time, and those that host.json repeats in another form.
PASSING = {"memory": ("available_bytes", "swap_free_bytes"), "network": ("conntrack_entries",)}
REPEATED = ("pyperf",)
SERVERS = ("nginx version:", "Python ")  # the beginning of their version texts
ABOUT_THE_FILE_SYSTEM = ("filesystem", "options")
LENGTHS = {"sessions", "rounds", "settle", "burst"}


def settings_of(plan: Plan) -> Tree:
    """Return the settings of each arm; a control has those of its arm."""
    arms = (arm for arm in plan.experiment.arms if arm.control_of is None)
    return {"arms": {arm.name: arm.settings.model_dump(mode="json") for arm in arms}}


def measuring_of(plan: Plan) -> Tree:
    """Return the design, and the schedule that follows from it."""
    design = plan.experiment.design.model_dump(mode="json", exclude=LENGTHS)
    return {"design": design, "schedule": plan.schedule.model_dump(include=LENGTHS)}


def host_of(host: Mapping[str, Any], records: Sequence[Record], *, servers_apart: bool = False) -> Tree:
    """Return the lasting facts of host.json, and the placement and sockets from the first session's proofs.

    Empty without host.json. `servers_apart` as for `lasting_of`.
    """
    lasting = lasting_of(host, servers_apart=servers_apart)
    return lasting and {**lasting, **_proved(records[0].proofs)}


def lasting_of(host: Mapping[str, Any], *, servers_apart: bool) -> Tree:
    """Return the facts of host.json that do not change by themselves.

    `servers_apart` leaves out nginx and Python, which `serving_trees` has by arm.
    """
    lasting = {part: _lasting(part, facts) for part, facts in host.items() if part not in (*REPEATED, PART)}
    if servers_apart and "programs" in lasting:
        programs = lasting["programs"].items()
        lasting["programs"] = {name: text for name, text in programs if not str(text).startswith(SERVERS)}
    return lasting


def _lasting(part: str, facts: Any) -> Any:
    transient = PASSING.get(part, ())
    return {name: fact for name, fact in facts.items() if name not in transient} if transient else facts


def _proved(proofs: Mapping[str, Mapping[str, Any]]) -> Tree:
    hops = {arm: proof.get("hop", {}) for arm, proof in proofs.items()}
    return {
        "placement": {arm: _placement(proof.get("cpus", {})) for arm, proof in proofs.items()},
        "sockets": {arm: {key: hop[key] for key in ABOUT_THE_FILE_SYSTEM if key in hop} for arm, hop in hops.items()},
    }


def _placement(cpus: Mapping[str, Sequence[int]]) -> str:
    """Return a text like `client 1, nginx 1, app 0,2`."""
    return ", ".join(f"{role} {','.join(map(str, numbers))}" for role, numbers in cpus.items())
