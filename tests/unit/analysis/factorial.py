"""Factorial experiments, and sessions of them in which each arm takes a known time."""

from collections.abc import Mapping, Sequence

from simulated import Times, schedule_of, session_of

from harness.analysis.bursts import SessionData
from harness.analysis.summary import summarise
from harness.experiment.document import document_of
from harness.experiment.read import experiment_of
from harness.model import Experiment, Interaction, Metric, Summary

TRANSPORTS = ("tcp", "uds-tmpfs")


def factorial(
    factors: Mapping[str, Sequence[object]],
    against: str | Mapping[str, object] | None = None,
    **tables: Mapping[str, object],
) -> Experiment:
    """The product of `factors`, each against its counterpart over TCP; `tables` are more tables of the file."""
    design = {"against": {"transport": "tcp"} if against is None else against}
    listed = {key: list(levels) for key, levels in factors.items()}
    return experiment_of(document_of({"name": "factorial", "factors": listed, "design": design, **tables}))


def by_transport(factor: str, levels: Sequence[object], transports: Sequence[str] = TRANSPORTS) -> Experiment:
    """Arms `shared/tcp`, `shared/uds-tmpfs`, ..."""
    return factorial({factor: levels, "transport": transports})


def summary_of(experiment: Experiment, sessions: Sequence[SessionData], looks: Sequence[int] = ()) -> Summary:
    """As it is read from its file."""
    summary = summarise(
        experiment, sessions, directory="d", schedule=schedule_of(len(sessions), looks), seconds_total=1.0
    )
    return Summary.model_validate_json(summary.model_dump_json())


def sessions_of(*times_us: Times) -> list[SessionData]:
    """One session for each of `times_us`; the control takes what the first arm takes."""
    return [
        session_of({**one, "control": next(iter(one.values()))}, number=number)
        for number, one in enumerate(times_us, start=1)
    ]


def interaction(summary: Summary, at: str, metric: Metric = "latency") -> Interaction:
    return next(one for one in summary.interactions if (one.at, one.metric) == (at, metric))
