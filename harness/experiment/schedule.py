"""How the time is split between sessions and rounds, from what they cost and how far they spread."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.experiment.limits import CLIENT
from harness.experiment.search import STEP_S, search_schedule, searches
from harness.model import Design, Experiment, Pilot, Schedule, Settings

# At least 8 sessions, because they are what the interval counts; a fifth of the time may go into starting them.
MIN_SESSIONS = 8
MAX_SESSIONS = 30
STARTING_SHARE = 0.2
MIN_ROUNDS = 2
MAX_LOOKS = 4
BETWEEN_LOOKS = 2  # sessions at least: closer looks see the same
# A percentile is shown with 10 requests beyond it in every session: 1000 for p99, and more for sessions in which the
# machine is slower than it was in the pilot. So much wider may the interval become for it.
TIMED_FOR_P99 = 1150
WIDER_FOR_P99 = 1.15
MEDIAN_VARIANCE = math.pi / 2  # of a median of normal values, over that of their mean
NOMINAL_SESSION_S = 1.2
NOMINAL_REQUEST_S = 0.0005
NOMINAL_TOOL_S = 0.3  # to start an outside tool
LEAST_PER_CONNECTION = 4  # timed requests of a visit with many connections
PACED_S = 0.25  # the least that is timed of a visit at a rate
NOMINAL_PACED_S = 0.35  # such a visit
NOMINAL_PACED = 300  # its requests
PACED_BURST = 250  # of an arm without a rate beside others that have one


@dataclass(frozen=True, slots=True)
class Cost:
    """What a session costs before its first visit and after its last, and what a round costs, in seconds."""

    session_s: float
    round_s: float
    source: str

    def total_s(self, sessions: int, rounds: int) -> float:
        return sessions * (self.session_s + rounds * self.round_s)


@dataclass(frozen=True, slots=True)
class Spread:
    """How far effects scatter: between sessions, and from round to round within one; standard deviations."""

    session_sd_percent: float
    round_sd_percent: float

    def sd_percent(self, rounds: int) -> float:
        """Of the effect that a session of so many rounds gives, which is their median."""
        of_median = MEDIAN_VARIANCE * self.round_sd_percent**2 / rounds
        return math.sqrt(self.session_sd_percent**2 + of_median)

    def half_width(self, sessions: int, rounds: int) -> float:
        """Half the expected interval, in units that serve comparing splits; Student's t after Cornish and Fisher."""
        freedom = max(sessions - 1, 1)
        return self.sd_percent(rounds) * (1 + 1.21 / freedom + 1.44 / freedom**2) / math.sqrt(sessions)


NOMINAL_SPREAD = Spread(session_sd_percent=0.4, round_sd_percent=5.0)


def nominal_cost(experiment: Experiment) -> Cost:
    """A guess for a machine on which nothing has been measured yet: what a small virtual machine needs."""
    settle, burst = visit_lengths(experiment)
    round_s = sum(settle * NOMINAL_REQUEST_S + _burst_s(arm.settings, burst) for arm in experiment.arms)
    return Cost(session_s=NOMINAL_SESSION_S, round_s=round_s, source="guessed before a pilot")


def has_tools(experiment: Experiment) -> bool:
    return any(arm.settings.tool != CLIENT for arm in experiment.arms)


def is_paced(experiment: Experiment) -> bool:
    """Whether requests of any arm are sent at a rate: then the long visits of that arm set the measure for all."""
    return any(arm.settings.rate for arm in experiment.arms)


def has_long_visits(experiment: Experiment) -> bool:
    """Whether bursts of a few requests, as a pilot chooses them, would be lost among those of other arms."""
    return has_tools(experiment) or is_paced(experiment)


def visit_lengths(experiment: Experiment) -> tuple[int, int]:
    """(settle, burst): what the file says, or what suits the tools: a run of an outside tool is a burst by itself.

    Where our client is one of several tools, its bursts are as long as their runs, and so beside requests at a rate.
    """
    settle, burst = _usual_lengths(experiment)
    design = experiment.design
    return (
        settle if design.settle is None else design.settle,
        burst if design.burst is None else design.burst,
    )


def _usual_lengths(experiment: Experiment) -> tuple[int, int]:
    if has_tools(experiment):
        of_client = [arm.settings.tool_requests for arm in experiment.arms if arm.settings.tool == CLIENT]
        return 5, max(of_client, default=1)
    return (10, PACED_BURST) if is_paced(experiment) else (2, 8)


def schedule_of(
    experiment: Experiment, cost: Cost | None, pilot: Pilot | None = None, spent_s: float = 0.0
) -> Schedule:
    """The file's numbers, and for those that it leaves open what fits `budget_s`, of which `spent_s` is gone.

    What the pilot saw stands above `cost`; both may be None only where the file fixes both sessions and rounds.
    """
    design = experiment.design
    if searches(experiment):
        return search_schedule(experiment, NOMINAL_SESSION_S)
    settle, burst = (pilot.settle, pilot.burst) if pilot else visit_lengths(experiment)
    if pilot:
        cost = Cost(session_s=pilot.session_s, round_s=pilot.round_s, source="as the pilot showed")
    looks = (design.sessions,) if design.sessions else None
    if cost is None or (design.sessions and design.rounds):
        sessions, rounds = design.sessions or MIN_SESSIONS, design.rounds or MIN_ROUNDS
        reason, visiting_s = "as the file says", None
    else:
        spread = Spread(pilot.session_sd_percent, pilot.round_sd_percent) if pilot else NOMINAL_SPREAD
        sessions, rounds = split(experiment, cost, spread, burst, design.budget_s - spent_s)
        reason = _reason(cost, cost.total_s(sessions, rounds), spent_s, design.budget_s)
        visiting_s = None if design.rounds else rounds * cost.round_s
    return Schedule(
        sessions=sessions,
        rounds=rounds,
        burst=burst,
        settle=settle,
        reason=reason,
        looks=looks or looks_of(sessions),
        visiting_s=visiting_s,
    )


def split(experiment: Experiment, cost: Cost, spread: Spread, burst: int, time_s: float) -> tuple[int, int]:
    """(sessions, rounds) that fill the time and make the interval narrowest; what the file fixes is fixed.

    For many sessions the best number of rounds is sqrt(session_s / round_s) * round_sd / session_sd (Kalibera and
    Jones 2013), and sqrt(pi / 2) times that for medians; few sessions pay for Student's t as well. A split that is
    hardly wider and has requests enough for a p99 is preferred.
    """
    design = experiment.design
    counts = _session_counts(design, cost, time_s)
    splits = [(sessions, design.rounds or _rounds(time_s / sessions, cost)) for sessions in counts]
    widths = {each: spread.half_width(*each) for each in splits}
    wider = math.inf if is_paced(experiment) else WIDER_FOR_P99  # whoever sets a rate asks for tails
    narrow = [each for each in splits if widths[each] <= wider * min(widths.values())]
    timed = min(_timed(arm.settings, burst) for arm in experiment.arms)
    with_p99 = [(sessions, rounds) for sessions, rounds in narrow if rounds * timed >= _timed_wanted(experiment)]
    return min(with_p99 or splits, key=widths.__getitem__)


def looks_of(sessions: int) -> tuple[int, ...]:
    """At most 4 numbers of sessions at even distances, from the least that an interval needs to the last."""
    looks = min(1 + max(sessions - MIN_SESSIONS, 0) // BETWEEN_LOOKS, MAX_LOOKS)
    distance = (sessions - MIN_SESSIONS) / max(looks - 1, 1)
    return (*(round(MIN_SESSIONS + distance * earlier) for earlier in range(looks - 1)), sessions)


def expected_s(schedule: Schedule, cost: Cost) -> float:
    return cost.total_s(schedule.sessions, schedule.rounds)


def _burst_s(settings: Settings, burst: int) -> float:
    if settings.tool != CLIENT:
        return NOMINAL_TOOL_S + (settings.tool_seconds or settings.tool_requests * NOMINAL_REQUEST_S)
    if settings.p99_limit_ms:
        return STEP_S
    if settings.rate:
        return NOMINAL_PACED_S
    crowded = (6 * settings.connections) if settings.connections > 1 else 0
    return max(burst, crowded) * NOMINAL_REQUEST_S


def _timed(settings: Settings, burst: int) -> int:
    """How many requests a visit times, which is more than a burst where that would be too few."""
    paced = PACED_S * settings.rate if isinstance(settings.rate, float) else NOMINAL_PACED
    crowded = LEAST_PER_CONNECTION * settings.connections if settings.connections > 1 else 0
    return max(burst, round(paced), crowded)


def _session_counts(design: Design, cost: Cost, time_s: float) -> Sequence[int]:
    if design.sessions:
        return (design.sessions,)
    fitting = time_s / cost.total_s(1, design.rounds or MIN_ROUNDS)
    if not design.rounds:
        fitting = min(fitting, STARTING_SHARE * time_s / cost.session_s)
    most = min(max(int(fitting), MIN_SESSIONS), MAX_SESSIONS)
    return (most,) if design.rounds else range(MIN_SESSIONS, most + 1)


def _rounds(session_s: float, cost: Cost) -> int:
    return max(int((session_s - cost.session_s) / cost.round_s), MIN_ROUNDS)


def _timed_wanted(experiment: Experiment) -> int:
    """An outside tool's percentiles rest on a single run, however many there are."""
    return 0 if has_tools(experiment) else TIMED_FOR_P99


def _reason(cost: Cost, total_s: float, spent_s: float, budget_s: float) -> str:
    text = (
        f"{cost.source}, a session costs {cost.session_s:.2f} s to start and stop "
        f"and a round {cost.round_s * 1000:.1f} ms; "
        f"that makes {total_s:.0f} s of a budget of {budget_s:g} s"
    )
    return f"{text}, of which the pilot took {spent_s:.0f} s" if spent_s else text
