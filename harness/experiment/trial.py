"""How much a pilot visits: long bursts from their first request on, as many as a part of the time allows."""

from harness.experiment.schedule import NOMINAL_SESSION_S, has_long_visits, visit_lengths
from harness.experiment.search import searches
from harness.model import Experiment, Schedule

PILOT_SHARE = 0.15  # of the budget, starting included
MIN_VISITING_S = 0.6  # per session of the pilot, even where the budget is small
MAX_VISITING_S = 5.0
SHORT_BUDGET_S = 40.0  # too short for a third session
MIN_ROUNDS = 3
MIN_TOOL_ROUNDS = 2
WANTED_ROUNDS = 20
# Positions of a visit: half of them for the carry-over's curve, and two bursts side by side for the Allan deviation.
MIN_POSITIONS = 40
MAX_POSITIONS = 160


def needs_pilot(experiment: Experiment) -> bool:
    """Whether the file leaves anything open that a pilot would choose."""
    design = experiment.design
    return not searches(experiment) and None in (design.sessions, design.rounds, design.burst, design.settle)


def trial_of(experiment: Experiment, round_s: float) -> Schedule:
    """A pilot session's visits, and how many such sessions; `round_s` is what a round of `visit_lengths` takes.

    Settling is what the pilot looks at, so nothing settles, but where visits are long anyway: these show what they cost
    and how far they scatter, no more; one session is enough where a second would cost too much.
    """
    settle, burst = visit_lengths(experiment)
    long, budget_s = has_long_visits(experiment), experiment.design.budget_s
    sessions = 2 if long or budget_s < SHORT_BUDGET_S else 3
    visiting_s = PILOT_SHARE * budget_s / sessions - NOMINAL_SESSION_S
    visiting_s = min(max(visiting_s, MIN_VISITING_S), MAX_VISITING_S)
    if long:
        sessions = 1 if sessions * MIN_TOOL_ROUNDS * round_s > 2 * PILOT_SHARE * budget_s else sessions
        rounds = max(int(visiting_s / round_s), MIN_TOOL_ROUNDS)
        return Schedule(sessions=sessions, rounds=rounds, burst=burst, settle=settle, reason="pilot")
    position_s = round_s / (settle + burst)  # of all arms
    positions = min(max(int(visiting_s / position_s / WANTED_ROUNDS), MIN_POSITIONS), MAX_POSITIONS)
    rounds = max(int(visiting_s / position_s / positions), MIN_ROUNDS)
    return Schedule(sessions=sessions, rounds=rounds, burst=positions, settle=0, reason="pilot")
