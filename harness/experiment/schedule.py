"""How the time is split between sessions and rounds, from what a rehearsal cost."""

from dataclasses import dataclass

from harness.experiment.limits import CLIENT
from harness.model import Design, Experiment, Schedule, Settings

# At least 8 sessions, because they are what the interval counts; a fifth of the time may go into starting them.
MIN_SESSIONS = 8
MAX_SESSIONS = 30
STARTING_SHARE = 0.2
MIN_ROUNDS = 2
NOMINAL_SESSION_S = 1.2
NOMINAL_REQUEST_S = 0.0005


@dataclass(frozen=True, slots=True)
class Cost:
    """What a session costs before its first visit and after its last, and what a round costs, in seconds."""

    session_s: float
    round_s: float
    source: str

    def total_s(self, sessions: int, rounds: int) -> float:
        return sessions * (self.session_s + rounds * self.round_s)


def nominal_cost(experiment: Experiment) -> Cost:
    """A guess for a machine on which nothing has been measured yet: what a small virtual machine needs."""
    settle, burst = visit_lengths(experiment)
    round_s = sum(settle * NOMINAL_REQUEST_S + _burst_s(arm.settings, burst) for arm in experiment.arms)
    return Cost(session_s=NOMINAL_SESSION_S, round_s=round_s, source="guessed before a rehearsal")


def visit_lengths(experiment: Experiment) -> tuple[int, int]:
    """(settle, burst): what the file says, or what suits the tools: a run of an outside tool is a burst by itself."""
    outside = all(arm.settings.tool != CLIENT for arm in experiment.arms)
    settle = 5 if outside else 2
    burst = 1 if outside else 8
    design = experiment.design
    return (
        settle if design.settle is None else design.settle,
        burst if design.burst is None else design.burst,
    )


def needs_rehearsal(design: Design) -> bool:
    return design.sessions is None or design.rounds is None


def schedule_of(experiment: Experiment, cost: Cost | None) -> Schedule:
    """The file's numbers, and for those that it leaves open what fits `budget_s`. `cost` may be None
    only where the file fixes both sessions and rounds."""
    design = experiment.design
    settle, burst = visit_lengths(experiment)
    if cost is None:
        sessions, rounds, reason = (
            design.sessions or MIN_SESSIONS,
            design.rounds or MIN_ROUNDS,
            "as the file says",
        )
    else:
        sessions = design.sessions or _sessions(design, cost)
        rounds = design.rounds or _rounds(design.budget_s / sessions - cost.session_s, cost)
        reason = (
            f"{cost.source}, a session costs {cost.session_s:.2f} s to start and stop "
            f"and a round {cost.round_s * 1000:.1f} ms; "
            f"that makes {cost.total_s(sessions, rounds):.0f} s of a budget of {design.budget_s:g} s"
        )
    return Schedule(sessions=sessions, rounds=rounds, burst=burst, settle=settle, reason=reason)


def expected_s(schedule: Schedule, cost: Cost) -> float:
    return cost.total_s(schedule.sessions, schedule.rounds)


def _burst_s(settings: Settings, burst: int) -> float:
    if settings.tool == CLIENT:
        return burst * NOMINAL_REQUEST_S
    return settings.tool_seconds or settings.tool_requests * NOMINAL_REQUEST_S


def _sessions(design: Design, cost: Cost) -> int:
    fitting = design.budget_s / cost.total_s(1, design.rounds or MIN_ROUNDS)
    if not design.rounds:
        fitting = min(fitting, STARTING_SHARE * design.budget_s / cost.session_s)
    return min(max(int(fitting), MIN_SESSIONS), MAX_SESSIONS)


def _rounds(visiting_s: float, cost: Cost) -> int:
    return max(int(visiting_s / cost.round_s), MIN_ROUNDS)
