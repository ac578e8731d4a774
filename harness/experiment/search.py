"""How much is measured where capacities are looked for: so many steps a session, sessions as the budget allows."""

from harness.model import Experiment, Schedule

ROUNDS = 9  # one to see what a crowd gets, then 8 halvings: from a factor of 4 down to 0.5 %
STEP_S = 0.8  # 1100 requests at a rate that such a stack can bear, on a small machine
FEWEST_SESSIONS = 4


def searches(experiment: Experiment) -> bool:
    """Whether the arms have a limit of p99; all have one or none."""
    return bool(experiment.arms[0].settings.p99_limit_ms)


def search_schedule(experiment: Experiment, session_s: float) -> Schedule:
    """The file's sessions and rounds, and for those that it leaves open what fits the budget."""
    design = experiment.design
    rounds = design.rounds or ROUNDS
    expected_s = session_s + rounds * len(experiment.arms) * STEP_S
    sessions = design.sessions or max(int(design.budget_s / expected_s), FEWEST_SESSIONS)
    return Schedule(
        sessions=sessions,
        rounds=rounds,
        burst=1,
        settle=0,
        reason=f"each of {rounds} steps takes some {STEP_S:g} s for each arm; a budget of {design.budget_s:g} s",
        looks=(sessions,),
    )
