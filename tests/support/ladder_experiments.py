"""Experiments that climb the ladder, as their files make them."""

from collections.abc import Mapping, Sequence

from harness.experiment.document import parse_document
from harness.experiment.read import build_experiment
from harness.model import Experiment

TRANSPORTS = ("tcp", "uds-tmpfs")
SANDBOX = ("cgroup", "seccomp")
NETWORKS = ("host", "own", "veth", "bridge", "nat")

Tables = Mapping[str, Mapping[str, object]]


def networks(*names: str) -> dict[str, Mapping[str, object]]:
    return {name: {"network": name} for name in names}


def climbing(tables: Tables, transports: Sequence[str] = TRANSPORTS, **design: object) -> Experiment:
    """The arms of `tables` over each transport, `veth/tcp`, each against the one a rung lower."""
    return build_experiment(
        parse_document(
            {
                "name": "ladder",
                "question": "What would a container add?",
                "arms": {name: dict(table) for name, table in tables.items()},
                "factors": {"transport": list(transports)},
                "design": {"against": "below", **design},
            }
        )
    )


def whole_ladder(transports: Sequence[str] = TRANSPORTS) -> Experiment:
    """Network rungs up to nat, a relay on top, two sandbox rungs, and all but the relay at once."""
    singles: Tables = {rung: {"sandbox": [rung]} for rung in SANDBOX}
    everything: Tables = {"all": {"network": "nat", "sandbox": list(SANDBOX)}}
    return climbing({**networks(*NETWORKS, "relay"), **singles, **everything}, transports)
