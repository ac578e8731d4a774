"""Factorial experiments as their files make them."""

from collections.abc import Mapping, Sequence

from harness.experiment.document import parse_document
from harness.experiment.read import build_experiment
from harness.model import Experiment

TRANSPORTS = ("tcp", "uds-tmpfs")


def factorial(
    factors: Mapping[str, Sequence[object]],
    against: str | Mapping[str, object] | None = None,
    **tables: Mapping[str, object],
) -> Experiment:
    """The product of `factors`, each against its counterpart over TCP; `tables` are more tables of the file."""
    design = {"against": {"transport": "tcp"} if against is None else against}
    listed = {key: list(levels) for key, levels in factors.items()}
    return build_experiment(parse_document({"name": "factorial", "factors": listed, "design": design, **tables}))


def by_transport(factor: str, levels: Sequence[object], transports: Sequence[str] = TRANSPORTS) -> Experiment:
    """Arms `shared/tcp`, `shared/uds-tmpfs`, ..."""
    return factorial({factor: levels, "transport": transports})
