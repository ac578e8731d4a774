"""How long the next session of a run may take, from the time left: shorter visits first, then fewer sessions."""

from dataclasses import dataclass

from harness.experiment.schedule import MIN_SESSIONS
from harness.model import Schedule

SHORTER = 0.5  # of its planned visits, before a session is given up instead


@dataclass(frozen=True, slots=True)
class Position:
    """Where a run is: sessions that are done, seconds that are left, and what a session and a round take.

    `session_s` is beside the visits. At least `promised` sessions are made, however long they take.
    """

    done: int
    left_s: float
    session_s: float
    round_s: float
    promised: int = 0


def next_schedule(schedule: Schedule, at: Position) -> Schedule | None:
    """Return the schedule of the next session; None where it would not end in time.

    Only time decides, and never what was measured.
    """
    least_s = schedule.fewest_rounds * at.round_s
    if at.left_s < at.session_s + least_s and at.done >= at.promised:
        return None
    if schedule.visiting_s is None:
        return schedule
    visiting_s = min(at.left_s / _sessions_left(schedule, at) - at.session_s, schedule.visiting_s)
    return schedule.model_copy(update={"visiting_s": max(visiting_s, least_s)})


def _sessions_left(schedule: Schedule, at: Position) -> int:
    """As many as have half of their visits, up to those planned; but 8 of the run."""
    assert schedule.visiting_s is not None
    fitting = int(at.left_s / (at.session_s + SHORTER * schedule.visiting_s))
    fewest = min(max(MIN_SESSIONS, at.promised), schedule.sessions)
    return max(min(fitting, schedule.sessions - at.done), fewest - at.done, 1)
