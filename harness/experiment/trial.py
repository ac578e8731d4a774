"""Schedule the pilot: long bursts, timed from their first request, as many as a share of the time allows."""

from harness.experiment.cost import NOMINAL_SESSION_S
from harness.experiment.lengths import has_long_visits, visit_lengths
from harness.experiment.search import searches
from harness.model import Experiment, Schedule

PILOT_SHARE = 0.15  # of the budget, with starting
MOST_SHARE = 0.25  # of the budget; beyond, no further session of the pilot begins
MIN_VISITING_S = 0.6  # per session of the pilot, even if the budget is small
MAX_VISITING_S = 5.0
SHORT_BUDGET_S = 40.0  # too short for a third session
LEEWAY = 1.5  # for visits that take longer than planned
MIN_ROUNDS = 3
MIN_TOOL_ROUNDS = 2
WANTED_ROUNDS = 20
# Positions of a visit: half of them for the carry-over's curve, and two bursts side by side for the Allan deviation.
MIN_POSITIONS = 40
MAX_POSITIONS = 160


def needs_pilot(experiment: Experiment) -> bool:
    """Return whether the file leaves anything open that a pilot chooses."""
    design = experiment.design
    return not searches(experiment) and None in (design.sessions, design.rounds, design.burst, design.settle)


def another_fits(sessions: int, spent_s: float, budget_s: float) -> bool:
    """Return whether the pilot, which took `spent_s` for so many `sessions`, has time for one more."""
    return spent_s * (sessions + 1) / sessions <= MOST_SHARE * budget_s


def visiting_share_s(experiment: Experiment) -> float:
    """Return the seconds of visits in a session of the pilot."""
    budget_s = experiment.design.budget_s
    return min(max(PILOT_SHARE * budget_s / _sessions(experiment) - NOMINAL_SESSION_S, MIN_VISITING_S), MAX_VISITING_S)


def trial_of(experiment: Experiment, round_s: float) -> Schedule:
    """Return the schedule of the pilot; `round_s` is the duration of a round of `visit_lengths`.

    The pilot measures the settling itself, so all requests are timed; visits that are long anyway show only cost and
    variance. There is at least one round, however long it takes.
    """
    settle, burst = visit_lengths(experiment)
    sessions, visiting_s = _sessions(experiment), visiting_share_s(experiment)
    if has_long_visits(experiment):
        rounds = max(int(visiting_s / round_s), MIN_TOOL_ROUNDS)
    else:
        position_s = round_s / (settle + burst)  # of all arms
        positions = min(max(int(visiting_s / position_s / WANTED_ROUNDS), MIN_POSITIONS), MAX_POSITIONS)
        rounds = max(int(visiting_s / position_s / positions), MIN_ROUNDS)
        settle, burst = 0, positions
    return Schedule(
        sessions=sessions,
        rounds=rounds,
        burst=burst,
        settle=settle,
        reason="pilot",
        visiting_s=LEEWAY * visiting_s,
        fewest_rounds=1,
    )


def _sessions(experiment: Experiment) -> int:
    return 2 if has_long_visits(experiment) or experiment.design.budget_s < SHORT_BUDGET_S else 3
