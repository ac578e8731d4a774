"""Split the budget between sessions and rounds, according to their cost and variance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.experiment.cost import Cost, piloted_cost
from harness.experiment.lengths import has_tools, is_paced, timed_requests, visit_lengths
from harness.experiment.search import FEWEST_SESSIONS, FEWEST_STEPS, search_split, searches
from harness.model import Design, Experiment, Pilot, Schedule

# At least 8 sessions, because they are the samples of the interval; starting them may take a fifth of the time.
MIN_SESSIONS = 8
MAX_SESSIONS = 30
STARTING_SHARE = 0.2
MIN_ROUNDS = 2
MAX_LOOKS = 4
BETWEEN_LOOKS = 2  # minimum distance of looks in sessions
# p99 needs 10 requests beyond it in every session: 1000, and some more in case the machine becomes slower than in the
# pilot. For p99 the interval may become wider by the factor WIDER_FOR_P99.
TIMED_FOR_P99 = 1150
WIDER_FOR_P99 = 1.15
MEDIAN_VARIANCE = math.pi / 2  # variance of the median / variance of the mean, for normal values
LONGEST_SESSION_S = 120.0  # longer sessions add less than more sessions, and their raw times fill the memory


@dataclass(frozen=True, slots=True)
class Spread:
    """The standard deviations of effects: between sessions, and between rounds of a session."""

    session_sd_percent: float
    round_sd_percent: float

    def sd_percent(self, rounds: int) -> float:
        """Return the standard deviation of the effect of a session, which is the median of its rounds."""
        of_median = MEDIAN_VARIANCE * self.round_sd_percent**2 / rounds
        return math.sqrt(self.session_sd_percent**2 + of_median)

    def half_width(self, sessions: int, rounds: int) -> float:
        """Return the expected half width of the interval, up to a constant factor.

        The quantile of Student's t is the Cornish-Fisher series: importing scipy would add half a second to `plan`.
        """
        freedom = max(sessions - 1, 1)
        return self.sd_percent(rounds) * (1 + 1.21 / freedom + 1.44 / freedom**2) / math.sqrt(sessions)


NOMINAL_SPREAD = Spread(session_sd_percent=0.4, round_sd_percent=5.0)


@dataclass(frozen=True, slots=True)
class Least:
    """The minimal schedule of an experiment, and the seconds that it takes with the report."""

    sessions: int
    rounds: int
    seconds: float


def least_of(experiment: Experiment, cost: Cost, time_s: float) -> Least:
    """Return 8 sessions of 2 rounds, or what the file fixes; one round if rounds are expensive and time is short."""
    design = experiment.design
    sessions = design.sessions or (FEWEST_SESSIONS if searches(experiment) else MIN_SESSIONS)
    usual = FEWEST_STEPS if searches(experiment) else MIN_ROUNDS
    too_expensive = cost.round_s > cost.session_s and cost.total_s(sessions, usual) > time_s
    rounds = design.rounds or (1 if too_expensive and not searches(experiment) else usual)
    return Least(sessions, rounds, cost.total_s(sessions, rounds))


def schedule_of(
    experiment: Experiment, cost: Cost | None, pilot: Pilot | None = None, spent_s: float = 0.0
) -> Schedule:
    """Return the schedule: numbers of the file, and for open ones what fits `budget_s`, of which `spent_s` is spent.

    The cost of the pilot replaces `cost`; both may be None only if the file fixes both sessions and rounds.
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
    """Return (settle, burst)."""
    if searches(experiment):
        return 0, 1
    return (pilot.settle, pilot.burst) if pilot else visit_lengths(experiment)


def _split(experiment: Experiment, cost: Cost, pilot: Pilot | None, time_s: float) -> tuple[int, int]:
    if searches(experiment):
        return search_split(experiment, cost.session_s, cost.round_s + cost.analysis_s, time_s)
    spread = Spread(pilot.session_sd_percent, pilot.round_sd_percent) if pilot else NOMINAL_SPREAD
    return split(experiment, cost, spread, _lengths(experiment, pilot)[1], time_s)


def split(experiment: Experiment, cost: Cost, spread: Spread, burst: int, time_s: float) -> tuple[int, int]:
    """Return the (sessions, rounds) that fill the time and make the interval narrowest, within what the file fixes.

    For many sessions the best number of rounds is sqrt(session_s / round_s) * round_sd / session_sd (Kalibera and
    Jones 2013), and sqrt(pi / 2) times that for medians; for few sessions Student's t matters as well. A split with
    enough requests for p99 is preferred, if its interval is not much wider.
    """
    design = experiment.design
    fewest = least_of(experiment, cost, time_s + cost.reporting_s).rounds
    counts = _session_counts(design, cost, time_s)
    splits = [(sessions, design.rounds or _rounds(time_s / sessions, cost, fewest)) for sessions in counts]
    widths = {(sessions, rounds): spread.half_width(sessions, rounds) for sessions, rounds in splits}
    wider = math.inf if is_paced(experiment) else WIDER_FOR_P99  # with a rate, tails matter most
    narrow = [numbers for numbers in splits if widths[numbers] <= wider * min(widths.values())]
    timed = min(timed_requests(arm.settings, burst) for arm in experiment.arms)
    with_p99 = [(sessions, rounds) for sessions, rounds in narrow if rounds * timed >= _timed_wanted(experiment)]
    return min(with_p99 or splits, key=widths.__getitem__)


def looks_of(sessions: int) -> tuple[int, ...]:
    """Return at most 4 evenly spaced numbers of sessions after which the run may stop, from 8 to the last."""
    looks = min(1 + max(sessions - MIN_SESSIONS, 0) // BETWEEN_LOOKS, MAX_LOOKS)
    distance = (sessions - MIN_SESSIONS) / max(looks - 1, 1)
    return (*(round(MIN_SESSIONS + distance * earlier) for earlier in range(looks - 1)), sessions)


def expected_s(schedule: Schedule, cost: Cost) -> float:
    """Return the expected seconds of a schedule, with the report."""
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
    """Return how many timed requests a session needs for p99; 0 with tools: their percentiles are of a single run."""
    return 0 if has_tools(experiment) else TIMED_FOR_P99


def _reason(cost: Cost, total_s: float, spent_s: float, budget_s: float) -> str:
    text = (
        f"{cost.source}: {cost.session_s:.2f} s per session start/stop, {cost.round_s * 1000:.1f} ms per round; "
        f"total {total_s:.0f} s of the {budget_s:g} s budget"
    )
    return f"{text}, of which {spent_s:.0f} s are spent before the first session" if spent_s else text
