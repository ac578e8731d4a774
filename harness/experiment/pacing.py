"""Fit the next session of a run into the time left: first with shorter visits, then with fewer sessions."""

from dataclasses import dataclass

from harness.experiment.schedule import MIN_SESSIONS
from harness.model import Schedule

SHORTER = 0.5  # share of the planned visits, below which a session is dropped instead


@dataclass(frozen=True, slots=True)
class Position:
    """The progress of a run: finished sessions, seconds left, and the seconds of a session without visits and a round.

    At least `promised` sessions are made, however long they take.
    """

    done: int
    left_s: float
    session_s: float
    round_s: float
    promised: int = 0


def next_schedule(schedule: Schedule, at: Position) -> Schedule | None:
    """Return the schedule of the next session; None if it would not end in time.

    The decision depends only on time, never on the results.
    """
    least_s = schedule.fewest_rounds * at.round_s
    if at.left_s < at.session_s + least_s and at.done >= at.promised:
        return None
    if schedule.visiting_s is None:
        return schedule
    visiting_s = min(at.left_s / _sessions_left(schedule, at) - at.session_s, schedule.visiting_s)
    return schedule.model_copy(update={"visiting_s": max(visiting_s, least_s)})


def _sessions_left(schedule: Schedule, at: Position) -> int:
    """Return how many more sessions fit with half of their visits: at most those planned, at least 8 in the run."""
    assert schedule.visiting_s is not None
    fitting = int(at.left_s / (at.session_s + SHORTER * schedule.visiting_s))
    fewest = min(max(MIN_SESSIONS, at.promised), schedule.sessions)
    return max(min(fitting, schedule.sessions - at.done), fewest - at.done, 1)
