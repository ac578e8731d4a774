"""How the time is split between sessions and rounds, from what they cost and how far they spread."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.experiment.cost import Cost, piloted_cost
from harness.experiment.lengths import has_tools, is_paced, timed_requests, visit_lengths
from harness.experiment.search import FEWEST_SESSIONS, FEWEST_STEPS, search_split, searches
from harness.model import Design, Experiment, Pilot, Schedule

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
LONGEST_SESSION_S = 120.0  # beyond, more sessions say more than longer ones, and the raw times of one fill the memory


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


@dataclass(frozen=True, slots=True)
class Least:
    """The least that makes sense of an experiment, and the seconds that it takes, the report included."""

    sessions: int
    rounds: int
    seconds: float


def least_of(experiment: Experiment, cost: Cost, time_s: float) -> Least:
    """Return 8 sessions of 2 rounds, or what the file fixes; of a single round where that is dear and time is short."""
    design = experiment.design
    sessions = design.sessions or (FEWEST_SESSIONS if searches(experiment) else MIN_SESSIONS)
    usual = FEWEST_STEPS if searches(experiment) else MIN_ROUNDS
    dear = cost.round_s > cost.session_s and cost.total_s(sessions, usual) > time_s
    rounds = design.rounds or (1 if dear and not searches(experiment) else usual)
    return Least(sessions, rounds, cost.total_s(sessions, rounds))


def schedule_of(
    experiment: Experiment, cost: Cost | None, pilot: Pilot | None = None, spent_s: float = 0.0
) -> Schedule:
    """The file's numbers, and for those that it leaves open what fits `budget_s`, of which `spent_s` is gone.

    What the pilot saw stands above `cost`; both may be None only where the file fixes both sessions and rounds.
    """
    design = experiment.design
    settle, burst = _lengths(experiment, pilot)
    cost = piloted_cost(experiment, pilot) if pilot else cost
    if cost is None or (design.sessions and design.rounds):
        sessions, rounds = design.sessions or MIN_SESSIONS, design.rounds or MIN_ROUNDS
        looks = (sessions,) if design.sessions else looks_of(sessions)
        return Schedule(
            sessions=sessions, rounds=rounds, burst=burst, settle=settle, reason="as the file says", looks=looks
        )
    time_s = design.budget_s - spent_s
    counted = cost.counted_sessions(time_s)
    sessions, rounds = _split(experiment, cost, pilot, time_s - cost.reporting_s - counted * cost.counting_s)
    least = least_of(experiment, cost, time_s)
    return Schedule(
        sessions=sessions,
        rounds=rounds,
        burst=burst,
        settle=settle,
        reason=_reason(cost, cost.total_s(sessions, rounds, counted), spent_s, design.budget_s),
        looks=(sessions,) if design.sessions or searches(experiment) else looks_of(sessions),
        visiting_s=None if design.rounds else rounds * cost.round_s,
        fewest_rounds=min(least.rounds, rounds),
        counted_sessions=counted,
        limit_s=max(design.budget_s, spent_s + least.seconds),
    )


def _lengths(experiment: Experiment, pilot: Pilot | None) -> tuple[int, int]:
    """(settle, burst)."""
    if searches(experiment):
        return 0, 1
    return (pilot.settle, pilot.burst) if pilot else visit_lengths(experiment)


def _split(experiment: Experiment, cost: Cost, pilot: Pilot | None, time_s: float) -> tuple[int, int]:
    if searches(experiment):
        return search_split(experiment, cost.session_s, cost.round_s + cost.analysis_s, time_s)
    spread = Spread(pilot.session_sd_percent, pilot.round_sd_percent) if pilot else NOMINAL_SPREAD
    return split(experiment, cost, spread, _lengths(experiment, pilot)[1], time_s)


def split(experiment: Experiment, cost: Cost, spread: Spread, burst: int, time_s: float) -> tuple[int, int]:
    """(sessions, rounds) that fill the time and make the interval narrowest; what the file fixes is fixed.

    For many sessions the best number of rounds is sqrt(session_s / round_s) * round_sd / session_sd (Kalibera and
    Jones 2013), and sqrt(pi / 2) times that for medians; few sessions pay for Student's t as well. A split that is
    hardly wider and has requests enough for a p99 is preferred.
    """
    design = experiment.design
    fewest = least_of(experiment, cost, time_s + cost.reporting_s).rounds
    counts = _session_counts(design, cost, time_s)
    splits = [(sessions, design.rounds or _rounds(time_s / sessions, cost, fewest)) for sessions in counts]
    widths = {each: spread.half_width(*each) for each in splits}
    wider = math.inf if is_paced(experiment) else WIDER_FOR_P99  # whoever sets a rate asks for tails
    narrow = [each for each in splits if widths[each] <= wider * min(widths.values())]
    timed = min(timed_requests(arm.settings, burst) for arm in experiment.arms)
    with_p99 = [(sessions, rounds) for sessions, rounds in narrow if rounds * timed >= _timed_wanted(experiment)]
    return min(with_p99 or splits, key=widths.__getitem__)


def looks_of(sessions: int) -> tuple[int, ...]:
    """At most 4 numbers of sessions at even distances, from the least that an interval needs to the last."""
    looks = min(1 + max(sessions - MIN_SESSIONS, 0) // BETWEEN_LOOKS, MAX_LOOKS)
    distance = (sessions - MIN_SESSIONS) / max(looks - 1, 1)
    return (*(round(MIN_SESSIONS + distance * earlier) for earlier in range(looks - 1)), sessions)


def expected_s(schedule: Schedule, cost: Cost) -> float:
    return cost.total_s(schedule.sessions, schedule.rounds, schedule.counted_sessions)


def _session_counts(design: Design, cost: Cost, time_s: float) -> Sequence[int]:
    if design.sessions:
        return (design.sessions,)
    fitting = time_s / (cost.total_s(1, design.rounds or MIN_ROUNDS) - cost.reporting_s)
    if not design.rounds:
        fitting = min(fitting, STARTING_SHARE * time_s / cost.session_s)
    longest = math.ceil(time_s / LONGEST_SESSION_S)
    most = min(max(int(fitting), MIN_SESSIONS), max(MAX_SESSIONS, longest))
    return (most,) if design.rounds else range(min(max(MIN_SESSIONS, longest), most), most + 1)


def _rounds(session_s: float, cost: Cost, fewest: int) -> int:
    return max(int((session_s - cost.session_s) / (cost.round_s + cost.analysis_s)), fewest)


def _timed_wanted(experiment: Experiment) -> int:
    """An outside tool's percentiles rest on a single run, however many there are."""
    return 0 if has_tools(experiment) else TIMED_FOR_P99


def _reason(cost: Cost, total_s: float, spent_s: float, budget_s: float) -> str:
    text = (
        f"{cost.source}, a session costs {cost.session_s:.2f} s to start and stop "
        f"and a round {cost.round_s * 1000:.1f} ms; "
        f"that makes {total_s:.0f} s of a budget of {budget_s:g} s"
    )
    return f"{text}, of which {spent_s:.0f} s go before the first session" if spent_s else text
