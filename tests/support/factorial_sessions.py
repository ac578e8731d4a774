"""Sessions of factorial experiments in which each arm takes a known time, and what is said of them."""

from collections.abc import Sequence

from harness.analysis.statistics.series import SessionData
from harness.analysis.summary import run_summary
from harness.model import Experiment, Interaction, Summary
from tests.support.simulated_sessions import Times, schedule_of, session_of


def summary_of(experiment: Experiment, sessions: Sequence[SessionData], looks: Sequence[int] = ()) -> Summary:
    """As it is read from its file."""
    summary = run_summary(
        experiment, sessions, directory="d", schedule=schedule_of(len(sessions), looks), seconds_total=1.0
    )
    return Summary.model_validate_json(summary.model_dump_json())


def sessions_of(*times_us: Times) -> list[SessionData]:
    """One session for each of `times_us`; the control takes what the first arm takes."""
    return [
        session_of({**one, "control": next(iter(one.values()))}, number=number)
        for number, one in enumerate(times_us, start=1)
    ]


def interaction(summary: Summary, at: str, metric: str = "latency") -> Interaction:
    return next(one for one in summary.interactions if (one.at, one.metric) == (at, metric))
