"""Schedule a search for capacities: steps per session, and sessions as the budget allows."""

from harness.model import Experiment

STEPS = 9  # a closed-loop step, then 8 bisections: from a factor of 4 down to 0.5 %
FEWEST_STEPS = 6  # down to 4 %
STEP_S = 0.8  # 1100 requests at a rate that a stack sustains on a small machine
FEWEST_SESSIONS = 4


def searches(experiment: Experiment) -> bool:
    """Return whether the arms have a p99 limit; all have one or none."""
    return bool(experiment.arms[0].settings.p99_limit_ms)


def search_split(experiment: Experiment, session_s: float, round_s: float, time_s: float) -> tuple[int, int]:
    """Return (sessions, rounds): what the file fixes, else all steps in 4 or more sessions, else as many as fit."""
    design = experiment.design
    fewest = design.sessions or FEWEST_SESSIONS
    fitting = int((time_s / fewest - session_s) / round_s)
    rounds = design.rounds or min(max(fitting, FEWEST_STEPS), STEPS)
    return design.sessions or max(int(time_s / (session_s + rounds * round_s)), FEWEST_SESSIONS), rounds
