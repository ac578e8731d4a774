"""Chooses the numbers of a run and of its pilot: sessions, rounds and lengths of visits that fit the budget."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.experiment.arms import shares_processes
from harness.experiment.constraints import has_external_tools
from harness.experiment.cost import (
    MIN_SEARCH_SESSIONS,
    MIN_SEARCH_STEPS,
    NOMINAL_SESSION_S,
    OWN_PERF_SHARE,
    PERF_SHARE,
    STARTING_S,
    Cost,
    capacity_search_split,
    has_long_visits,
    has_open_loop,
    is_capacity_search,
    nominal_cost,
    pilot_cost,
    timed_requests,
    visit_lengths,
)
from harness.model import Design, Experiment, Pilot, Schedule

MIN_SESSIONS = 8  # they are the samples of the interval
MAX_SESSIONS = 30
# Of the time. Arms with the same processes share the luck of a start, so more starts help them less.
STARTING_SHARE, SHARED_STARTING_SHARE = 0.2, 0.1
MIN_ROUNDS = 2
MAX_LOOKS = 4
MIN_LOOK_DISTANCE = 2  # minimum distance of looks in sessions
# p99 needs 10 requests beyond it in every session: 1000, and some more in case the machine becomes slower than in the
# pilot. For p99 the interval may become wider by the factor WIDER_FOR_P99.
TIMED_FOR_P99 = 1150
WIDER_FOR_P99 = 1.15
WIDER_FOR_FEWER_SESSIONS = 1.04  # of two splits with about the same interval, the one with fewer starts is more robust
ROUNDS_VARIANCE = 1.29  # variance of the mean of the middle third / variance of the mean, for normal values
LONGEST_SESSION_S = 120.0  # longer sessions add less than more sessions, and their raw times fill the memory


@dataclass(frozen=True, slots=True)
class EffectSpread:
    """The standard deviations of effects: between sessions, and between rounds of a session."""

    session_sd_percent: float
    round_sd_percent: float

    def sd_percent(self, rounds: int) -> float:
        """Return the standard deviation of the effect of a session, the mean of the middle third of its rounds."""
        of_rounds = ROUNDS_VARIANCE * self.round_sd_percent**2 / rounds
        return math.sqrt(self.session_sd_percent**2 + of_rounds)

    def half_width(self, sessions: int, rounds: int) -> float:
        """Return the expected half width of the interval, up to a constant factor.

        The quantile of Student's t is the Cornish-Fisher series: importing scipy would add half a second to `plan`.
        """
        freedom = max(sessions - 1, 1)
        return self.sd_percent(rounds) * (1 + 1.21 / freedom + 1.44 / freedom**2) / math.sqrt(sessions)


NOMINAL_SPREAD = EffectSpread(session_sd_percent=0.4, round_sd_percent=5.0)

PILOT_SHARE = 0.15  # of the budget, with starting
MAX_PILOT_SHARE = 0.25  # of the budget; beyond, no further session of the pilot begins
MIN_PILOT_VISITING_S = 0.6  # per session of the pilot, even if the budget is small
MAX_PILOT_VISITING_S = 5.0
SHORT_BUDGET_S = 40.0  # too short for a third session
PILOT_LEEWAY = 1.5  # for visits that take longer than planned
MIN_PILOT_ROUNDS = 3
MIN_PILOT_TOOL_ROUNDS = 2
TARGET_PILOT_ROUNDS = 20
# Positions of a visit: half of them for the carry-over's curve, and two bursts side by side for the Allan deviation.
MIN_POSITIONS = 40
MAX_POSITIONS = 160
PROBE_S = 2.0  # to measure capacities, for rates in percent
MIN_VISITING_SHARE = 0.5  # share of the planned visits, below which a session is dropped instead


@dataclass(frozen=True, slots=True)
class MinimalSchedule:
    """The smallest numbers of sessions and rounds, and the seconds that they take with the report."""

    sessions: int
    rounds: int
    seconds: float


def minimal_schedule(experiment: Experiment, cost: Cost, time_s: float) -> MinimalSchedule:
    """Return 8 sessions of 2 rounds, or what the file fixes; one round if rounds are expensive and time is short."""
    design = experiment.design
    sessions = design.sessions or (MIN_SEARCH_SESSIONS if is_capacity_search(experiment) else MIN_SESSIONS)
    usual = MIN_SEARCH_STEPS if is_capacity_search(experiment) else MIN_ROUNDS
    too_expensive = cost.round_s > cost.session_s and cost.total_s(sessions, usual) > time_s
    rounds = design.rounds or (1 if too_expensive and not is_capacity_search(experiment) else usual)
    return MinimalSchedule(sessions, rounds, cost.total_s(sessions, rounds))


def schedule_of(
    experiment: Experiment, cost: Cost | None, pilot: Pilot | None = None, spent_s: float = 0.0
) -> Schedule:
    """Return the schedule: numbers of the file, and for open ones what fits `budget_s`, of which `spent_s` is spent.

    The cost of the pilot replaces `cost`; both may be None only if the file fixes both sessions and rounds.
    """
    design = experiment.design
    settle, burst = _visit_lengths(experiment, pilot)
    cost = pilot_cost(experiment, pilot) if pilot else cost
    if cost is None or (design.sessions and design.rounds):
        sessions, rounds = design.sessions or MIN_SESSIONS, design.rounds or MIN_ROUNDS
        looks = (sessions,) if design.sessions else look_sessions(sessions)
        reason = "as design.sessions and design.rounds say"
        return Schedule(sessions=sessions, rounds=rounds, burst=burst, settle=settle, reason=reason, looks=looks)
    time_s = design.budget_s - spent_s
    counted = cost.perf_sessions(time_s, OWN_PERF_SHARE if experiment.counters else PERF_SHARE)
    left_s = time_s - cost.reporting_s - counted * cost.counting_s
    sessions, rounds = _sessions_and_rounds(experiment, cost, pilot, left_s)
    least = minimal_schedule(experiment, cost, time_s)
    return Schedule(
        sessions=sessions,
        rounds=rounds,
        burst=burst,
        settle=settle,
        reason=_schedule_reason(cost, cost.total_s(sessions, rounds, counted), spent_s, design.budget_s),
        looks=(sessions,) if design.sessions or is_capacity_search(experiment) else look_sessions(sessions),
        visiting_s=None if design.rounds else rounds * cost.round_s,
        fewest_rounds=min(least.rounds, rounds),
        counted_sessions=counted,
        limit_s=max(design.budget_s, spent_s + least.seconds),
    )


def _visit_lengths(experiment: Experiment, pilot: Pilot | None) -> tuple[int, int]:
    """Return (settle, burst)."""
    if is_capacity_search(experiment):
        return 0, 1
    return (pilot.settle, pilot.burst) if pilot else visit_lengths(experiment)


def _sessions_and_rounds(experiment: Experiment, cost: Cost, pilot: Pilot | None, time_s: float) -> tuple[int, int]:
    if is_capacity_search(experiment):
        return capacity_search_split(experiment, cost.session_s, cost.round_s + cost.analysis_s, time_s)
    spread = EffectSpread(pilot.session_sd_percent, pilot.round_sd_percent) if pilot else NOMINAL_SPREAD
    return split_budget(experiment, cost, spread, _visit_lengths(experiment, pilot)[1], time_s)


def split_budget(
    experiment: Experiment, cost: Cost, spread: EffectSpread, burst: int, time_s: float
) -> tuple[int, int]:
    """Return the (sessions, rounds) that fill the time and make the interval narrowest, within what the file fixes.

    For many sessions the best number of rounds is sqrt(session_s / round_s) * round_sd / session_sd (Kalibera and
    Jones 2013), and sqrt(1.29) times that for the middle third of the rounds; for few sessions Student's t matters as
    well. A split with enough requests for p99 is preferred, and of the rest the one with the fewest sessions, if the
    interval is not much wider.
    """
    design = experiment.design
    fewest = minimal_schedule(experiment, cost, time_s + cost.reporting_s).rounds
    counts = _session_counts(design, cost, starting_share(experiment), time_s)
    splits = [(sessions, design.rounds or _fitting_rounds(time_s / sessions, cost, fewest)) for sessions in counts]
    widths = {(sessions, rounds): spread.half_width(sessions, rounds) for sessions, rounds in splits}
    wider = math.inf if has_open_loop(experiment) else WIDER_FOR_P99  # with a rate, tails matter most
    narrow = [numbers for numbers in splits if widths[numbers] <= wider * min(widths.values())]
    timed = min(timed_requests(arm.settings, burst) for arm in experiment.arms)
    enough = 0 if has_external_tools(experiment) else TIMED_FOR_P99  # percentiles of tools are those of a single run
    with_p99 = [(sessions, rounds) for sessions, rounds in narrow if rounds * timed >= enough]
    candidates = with_p99 or splits
    narrowest = min(widths[numbers] for numbers in candidates)
    return min(numbers for numbers in candidates if widths[numbers] <= WIDER_FOR_FEWER_SESSIONS * narrowest)


def look_sessions(sessions: int) -> tuple[int, ...]:
    """Return at most 4 evenly spaced numbers of sessions after which the run may stop, from 8 to the last."""
    looks = min(1 + max(sessions - MIN_SESSIONS, 0) // MIN_LOOK_DISTANCE, MAX_LOOKS)
    distance = (sessions - MIN_SESSIONS) / max(looks - 1, 1)
    return (*(round(MIN_SESSIONS + distance * earlier) for earlier in range(looks - 1)), sessions)


def starting_share(experiment: Experiment) -> float:
    """Return the largest share of the time that the starts of sessions may take."""
    return SHARED_STARTING_SHARE if shares_processes(experiment) else STARTING_SHARE


def _session_counts(design: Design, cost: Cost, starting: float, time_s: float) -> Sequence[int]:
    if design.sessions:
        return (design.sessions,)
    fitting = time_s / (cost.total_s(1, design.rounds or MIN_ROUNDS) - cost.reporting_s)
    if not design.rounds:
        fitting = min(fitting, starting * time_s / cost.session_s)
    longest = math.ceil(time_s / LONGEST_SESSION_S)
    most = min(max(int(fitting), MIN_SESSIONS), max(MAX_SESSIONS, longest))
    return (most,) if design.rounds else range(min(max(MIN_SESSIONS, longest), most), most + 1)


def _fitting_rounds(session_s: float, cost: Cost, fewest: int) -> int:
    return max(int((session_s - cost.session_s) / (cost.round_s + cost.analysis_s)), fewest)


def _schedule_reason(cost: Cost, total_s: float, spent_s: float, budget_s: float) -> str:
    text = (
        f"{cost.source}: {cost.session_s:.2f} s per session start/stop, {cost.round_s * 1000:.1f} ms per round; "
        f"total {total_s:.0f} s of the {budget_s:g} s budget"
    )
    return f"{text}, of which {spent_s:.0f} s are spent before the first session" if spent_s else text


def needs_pilot(experiment: Experiment) -> bool:
    """Return whether the file leaves a value open that a pilot chooses."""
    design = experiment.design
    return not is_capacity_search(experiment) and None in (design.sessions, design.rounds, design.burst, design.settle)


def has_time_for_session(sessions: int, spent_s: float, budget_s: float) -> bool:
    """Return whether the pilot, which took `spent_s` for so many `sessions`, has time for one more."""
    return spent_s * (sessions + 1) / sessions <= MAX_PILOT_SHARE * budget_s


def pilot_visiting_s(experiment: Experiment) -> float:
    """Return the seconds of visits in a session of the pilot."""
    budget_s = experiment.design.budget_s
    session_s = PILOT_SHARE * budget_s / _pilot_sessions(experiment)
    return min(max(session_s - NOMINAL_SESSION_S, MIN_PILOT_VISITING_S), MAX_PILOT_VISITING_S)


def pilot_schedule(experiment: Experiment, round_s: float) -> Schedule:
    """Return the schedule of the pilot; `round_s` is the duration of a round of `visit_lengths`.

    The pilot measures the settling itself, so all requests are timed; visits that are long anyway show only cost and
    variance. There is at least one round, however long it takes.
    """
    settle, burst = visit_lengths(experiment)
    sessions, visiting_s = _pilot_sessions(experiment), pilot_visiting_s(experiment)
    if has_long_visits(experiment):
        rounds = max(int(visiting_s / round_s), MIN_PILOT_TOOL_ROUNDS)
    else:
        position_s = round_s / (settle + burst)  # of all arms
        positions = min(max(int(visiting_s / position_s / TARGET_PILOT_ROUNDS), MIN_POSITIONS), MAX_POSITIONS)
        rounds = max(int(visiting_s / position_s / positions), MIN_PILOT_ROUNDS)
        settle, burst = 0, positions
    return Schedule(
        sessions=sessions,
        rounds=rounds,
        burst=burst,
        settle=settle,
        reason="pilot",
        visiting_s=PILOT_LEEWAY * visiting_s,
        fewest_rounds=1,
    )


def _pilot_sessions(experiment: Experiment) -> int:
    return 2 if has_long_visits(experiment) or experiment.design.budget_s < SHORT_BUDGET_S else 3


@dataclass(frozen=True, slots=True)
class Forecast:
    """The expected schedule, the seconds of the whole command, and the same for the minimal schedule."""

    schedule: Schedule
    seconds: float
    min_sessions: int
    min_s: float


def forecast_of(experiment: Experiment, slowness: float = 1.0) -> Forecast:
    """Return the forecast for a small virtual machine that is slower by the factor `slowness`."""
    cost, budget_s = nominal_cost(experiment).scale(slowness), experiment.design.budget_s
    probes = any(isinstance(arm.settings.rate, str) for arm in experiment.arms)
    starting_s = STARTING_S * slowness + (cost.session_s + PROBE_S if probes else 0.0)
    fewest_s = starting_s + _min_pilot_s(experiment, cost)
    least = minimal_schedule(experiment, cost, budget_s - fewest_s)
    pilot_s = PILOT_SHARE * budget_s if needs_pilot(experiment) else 0.0
    roomy = fewest_s + least.seconds + pilot_s <= budget_s
    before_s = max(fewest_s, starting_s + pilot_s) if roomy else fewest_s
    schedule = schedule_of(experiment, cost, spent_s=before_s)
    scheduled_s = cost.total_s(schedule.sessions, schedule.rounds, schedule.counted_sessions)
    return Forecast(schedule, before_s + scheduled_s, least.sessions, fewest_s + least.seconds)


def _min_pilot_s(experiment: Experiment, cost: Cost) -> float:
    """Return the seconds of a pilot of one session."""
    if not needs_pilot(experiment):
        return 0.0
    pacing_s = 0.0 if has_long_visits(experiment) else cost.round_s
    return cost.session_s + pacing_s + max(cost.round_s, MIN_PILOT_VISITING_S)


@dataclass(frozen=True, slots=True)
class RunProgress:
    """The progress of a run."""

    done: int  # sessions
    left_s: float
    session_s: float  # of a session without visits
    round_s: float
    guaranteed_sessions: int = 0  # are made however long they take


def next_schedule(schedule: Schedule, at: RunProgress) -> Schedule | None:
    """Return the schedule of the next session; None if it would not end in time.

    The decision depends only on time, never on the results.
    """
    least_s = schedule.fewest_rounds * at.round_s
    if at.left_s < at.session_s + least_s and at.done >= at.guaranteed_sessions:
        return None
    if schedule.visiting_s is None:
        return schedule
    visiting_s = min(at.left_s / _remaining_sessions(schedule, at) - at.session_s, schedule.visiting_s)
    return schedule.model_copy(update={"visiting_s": max(visiting_s, least_s)})


def _remaining_sessions(schedule: Schedule, at: RunProgress) -> int:
    """Return how many more sessions fit with half of their visits: at most those planned, at least 8 in the run."""
    assert schedule.visiting_s is not None
    fitting = int(at.left_s / (at.session_s + MIN_VISITING_SHARE * schedule.visiting_s))
    fewest = min(max(MIN_SESSIONS, at.guaranteed_sessions), schedule.sessions)
    return max(min(fitting, schedule.sessions - at.done), fewest - at.done, 1)
