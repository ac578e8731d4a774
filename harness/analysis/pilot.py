"""Chooses from a pilot how to split the time: warm-up, burst length, rounds and sessions."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from harness.analysis.statistics.group_sequential import confidence_at
from harness.analysis.statistics.intervals import Estimate, to_percent
from harness.analysis.statistics.series import ArmPair, Series, centre_of_rounds, typical_times
from harness.experiment.arms import shares_processes
from harness.experiment.cost import has_long_visits, visit_lengths
from harness.experiment.schedule import NOMINAL_SPREAD, ROUNDS_VARIANCE, EffectSpread, schedule_of, starting_share
from harness.model import AllanPoint, CarryOverPoint, Experiment, Pilot, Schedule, Visit
from harness.model.metrics import CURRENT_ESTIMATOR, typical_time

NORMAL_MAD = 0.6745  # the median distance from the centre, in standard deviations of normal values
Z_95 = 1.96
VARIANCE_TOLERANCE = 1.1  # times the least variance
MIN_BURST = 4  # with fewer, most requests would be untimed and would not count for p99
MAX_CURVE_POSITIONS = 32  # positions
SETTLED_BURST = 8  # whose mean must have settled: in a longer burst the first requests weigh less
TOLERANCE_PERCENT = 0.25
MAX_SETTLE = 16  # what has not settled by then is noise

# Every restart adds some variance; 2 or 3 sessions seldom show how much. Arms with the same processes share most of it.
MIN_SESSION_SD_PERCENT = 0.3
MIN_SHARED_SESSION_SD_PERCENT = 0.1
EXCESS_VARIANCE_RATIO = 2.0  # times the variance that rounds explain; by chance in a tenth of pilots
STRETCHES_PER_SESSION = 4  # of a session, to estimate its drift


def allan_deviation(stretches: Iterable[Series], length: int) -> float:
    """Return the Allan deviation of typical times of `length` values, as a log ratio.

    Each stretch has no gap and at least 2 * `length` values. The scale is robust (a MAD), because the effects are
    the middle third of the rounds.
    """
    means = [np.log(typical_times(sliding_window_view(stretch, length))) for stretch in stretches]
    steps = np.concatenate([of_stretch[length:] - of_stretch[:-length] for of_stretch in means])
    return float(np.median(np.abs(steps))) / NORMAL_MAD / math.sqrt(2)


def allan_curve(times: Series, rounds_of: Callable[[int], float]) -> tuple[AllanPoint, ...]:
    """Return the curve for bursts of 1, 2, 4, ... requests that fit twice into the settled (visits, positions).

    `rounds_of(burst)` is the number of rounds in the planned time, settling included. The variance of the effect
    is 1.29 * 2 * sigma^2 / rounds, which is Var = 4 * tau * sigma^2 / T for the mean of two arms.
    """
    if not times.size:
        return ()
    lengths = (2**power for power in range((times.shape[1] // 2).bit_length()))
    return tuple(_allan_point(length, allan_deviation(times, length), rounds_of(length)) for length in lengths)


def best_burst(points: Sequence[AllanPoint]) -> int:
    """Return the longest burst of at least 4 requests whose variance is within 10 % of the least.

    Without any of 4 requests, return the longest.
    """
    candidates = [point for point in points if point.burst >= MIN_BURST] or points[-1:]
    limit = math.sqrt(VARIANCE_TOLERANCE) * min(point.half_width_percent for point in candidates)
    return max(point.burst for point in candidates if point.half_width_percent <= limit)


def _allan_point(length: int, deviation: float, rounds: float) -> AllanPoint:
    half_width = Z_95 * math.sqrt(ROUNDS_VARIANCE * 2 / rounds) * deviation
    return AllanPoint(burst=length, deviation_percent=100 * deviation, half_width_percent=100 * half_width)


def carry_over(times: Series) -> tuple[CarryOverPoint, ...]:
    """Return the curve over the first half of the positions, from times of (visits, positions) in any unit.

    The second half of a visit is its settled level. A point is the median over visits of the log ratio to that level,
    with the interval of a median, which lies between two order statistics.
    """
    if not times.size:
        return ()
    half = times.shape[1] // 2
    logs = np.log(times)
    ratios = logs - np.median(logs[:, half:], axis=1, keepdims=True)
    return tuple(_carry_over_point(position, ratios[:, position]) for position in range(min(half, MAX_CURVE_POSITIONS)))


def settle_length(curve: Sequence[CarryOverPoint]) -> int:
    """Return the fewest requests after which the next one and the mean of the next 8 have settled.

    Settled means that the 95 % interval reaches within 0.25 % of the settled level. At most 16, or as many as the curve
    has room for.
    """
    burst = min(SETTLED_BURST, len(curve))
    last = min(len(curve) - burst, MAX_SETTLE)
    return next((settle for settle in range(last) if _is_settled(curve[settle : settle + burst])), last)


def _carry_over_point(position: int, ratios: Series) -> CarryOverPoint:
    half_share = Z_95 / (2 * math.sqrt(ratios.size))
    shares = np.clip([0.5, 0.5 - half_share, 0.5 + half_share], 0, 1)
    middle, low, high = (to_percent(float(ratio)) for ratio in np.quantile(ratios, shares))
    return CarryOverPoint(position=position, percent=middle, percent_low=low, percent_high=high)


def _is_settled(points: Sequence[CarryOverPoint]) -> bool:
    errors = [(point.percent_high - point.percent_low) / 2 for point in points]
    mean = math.fsum(point.percent for point in points) / len(points)
    return _is_close(points[0].percent, errors[0]) and _is_close(mean, math.hypot(*errors) / len(points))


def _is_close(deviation_percent: float, error_percent: float) -> bool:
    return abs(deviation_percent) - error_percent <= TOLERANCE_PERCENT


@dataclass(frozen=True, slots=True)
class PilotSession:
    """The visits of a session in order, their total time, and the rest of the session's time."""

    visits: Sequence[Visit]
    visiting_s: float
    session_s: float


def pilot_of(
    experiment: Experiment,
    sessions: Sequence[PilotSession],
    spent_s: float = 0.0,
    *,
    counting_s: float = 0.0,
    slowness: float = 1.0,
) -> Pilot:
    """Return the result of the pilot; `sessions` have the visits of `pilot_schedule`, `spent_s` of the budget are used.

    Settle and burst of the file have priority. Without single times, or with visits that are long for other reasons,
    both curves are empty and the lengths are the defaults.
    """
    times = times_by_position([] if has_long_visits(experiment) else sessions)
    curve = carry_over(times)
    settle = _settle(experiment, curve)
    measuring_s = (1 - starting_share(experiment)) * (experiment.design.budget_s - spent_s)
    allan = allan_curve(times[:, settle:], lambda burst: max(measuring_s / round_s(sessions, settle, burst), 1.0))
    burst = _burst(experiment, allan)
    spread = _spread(experiment, sessions, settle, _nearest_point(allan, burst))
    chosen = Pilot(
        requests=sum(visit.requests for session in sessions for visit in session.visits),
        carry_over=curve,
        allan=allan,
        settle=settle,
        burst=burst,
        session_sd_percent=spread.session_sd_percent,
        round_sd_percent=spread.round_sd_percent,
        session_s=fmean(session.session_s for session in sessions),
        round_s=round_s(sessions, settle, burst),
        half_width_percent=0,
        gain=1,
        counting_s=counting_s,
        slowness=slowness,
    )
    drifting = drift([relative_times(session, settle) for session in sessions])
    half_width_percent, gain = _expected_precision(experiment, chosen, spread, drifting, spent_s)
    return chosen.model_copy(update={"half_width_percent": half_width_percent, "gain": gain})


def _settle(experiment: Experiment, curve: Sequence[CarryOverPoint]) -> int:
    given = experiment.design.settle is not None or not curve
    return visit_lengths(experiment)[0] if given else settle_length(curve)


def _burst(experiment: Experiment, allan: Sequence[AllanPoint]) -> int:
    given = experiment.design.burst is not None or not allan
    return visit_lengths(experiment)[1] if given else best_burst(allan)


def _nearest_point(allan: Sequence[AllanPoint], burst: int) -> AllanPoint | None:
    """Return the point of the longest burst that is no longer than `burst`."""
    return max((point for point in allan if point.burst <= burst), key=lambda point: point.burst, default=None)


def _spread(
    experiment: Experiment, sessions: Sequence[PilotSession], settle: int, point: AllanPoint | None
) -> EffectSpread:
    """Return the spread. Two bursts of a round are neighbours, so their difference is sqrt(2) Allan deviations."""
    series = [round_times_us(session, settle) for session in sessions]
    round_sd = round_sd_percent(series, experiment.pairs) if point is None else math.sqrt(2) * point.deviation_percent
    return EffectSpread(
        session_sd_percent=max(session_sd_percent(series, experiment.pairs), least_session_sd_percent(experiment)),
        round_sd_percent=NOMINAL_SPREAD.round_sd_percent if round_sd is None else round_sd,
    )


def _expected_precision(
    experiment: Experiment, chosen: Pilot, spread: EffectSpread, drifting: float, spent_s: float
) -> tuple[float, float]:
    """Return the half width of the interval in percent, and the gain of interleaving."""
    schedule = schedule_of(experiment, None, chosen, spent_s)
    session = Estimate(mean=0.0, sd=spread.sd_percent(schedule.rounds), sessions=schedule.sessions)
    confidence = confidence_at(schedule.looks, schedule.sessions)
    return session.half_width(confidence), interleaving_gain(drifting, spread, schedule)


def session_sd_percent(sessions: Sequence[Mapping[str, Series]], pairs: Iterable[ArmPair]) -> float:
    """Return the standard deviation between sessions that rounds do not explain: the effect of restarts.

    `sessions` are times by arm over rounds. The result is 0 where it cannot be told from chance.
    """
    ratios = [_log_ratios(sessions, pair) for pair in pairs]
    effects = [
        [float(centre_of_rounds(of_session, CURRENT_ESTIMATOR.centre)) for of_session in pair] for pair in ratios
    ]
    between = [np.var(of_pair, ddof=1) for of_pair in effects if len(of_pair) > 1]
    within = [ROUNDS_VARIANCE * _scale(ratio) ** 2 / ratio.size for pair in ratios for ratio in pair]
    if not between or np.mean(between) < EXCESS_VARIANCE_RATIO * np.mean(within):
        return 0.0
    return 100 * math.sqrt(np.mean(between) - np.mean(within))


def least_session_sd_percent(experiment: Experiment) -> float:
    """Return the standard deviation between sessions that is assumed whatever the pilot sees."""
    return MIN_SHARED_SESSION_SD_PERCENT if shares_processes(experiment) else MIN_SESSION_SD_PERCENT


def round_sd_percent(sessions: Sequence[Mapping[str, Series]], pairs: Iterable[ArmPair]) -> float | None:
    """Return the robust standard deviation of the log ratio over rounds; None without 2 rounds of any pair."""
    scales = [_scale(ratios) for pair in pairs for ratios in _log_ratios(sessions, pair) if ratios.size > 1]
    return 100 * fmean(scales) if scales else None


def drift(in_order: Sequence[Series]) -> float:
    """Return the drift between neighbouring quarters of a session, beyond chance, as an Allan deviation (log ratio).

    `in_order` are the visits of each session relative to the median of their arm. The result is the Allan deviation of
    the longest stretches, less the part that single visits explain.
    """
    long = min(len(visits) for visits in in_order) // STRETCHES_PER_SESSION if in_order else 0
    if long < 2:
        return 0.0
    by_chance = allan_deviation(in_order, 1) ** 2 / long
    return math.sqrt(max(allan_deviation(in_order, long) ** 2 - by_chance, 0.0))


def interleaving_gain(drift: float, spread: EffectSpread, schedule: Schedule) -> float:
    """Return how many times wider the interval would be with one arm after the other; at least 1.

    The times of two arms would differ by sqrt(2) * `drift` or more, because machines drift further over a longer time.
    So this is a lower bound, unless drift reverses within a minute.
    """
    between = spread.session_sd_percent**2 / schedule.sessions
    in_turn = spread.sd_percent(schedule.rounds) ** 2 / schedule.sessions
    one_after_the_other = between + 2 * (100 * drift) ** 2
    return max(math.sqrt(one_after_the_other / in_turn), 1.0)


def _log_ratios(sessions: Sequence[Mapping[str, Series]], pair: ArmPair) -> list[Series]:
    """Return the log ratios over rounds, of the sessions that have any round with both arms."""
    arm, against = pair
    ratios = (
        np.log(session[arm]) - np.log(session[against]) for session in sessions if arm in session and against in session
    )
    finite = (of_session[np.isfinite(of_session)] for of_session in ratios)
    return [of_session for of_session in finite if of_session.size]


def _scale(ratios: Series) -> float:
    return float(np.median(np.abs(ratios - np.median(ratios)))) / NORMAL_MAD


def times_by_position(sessions: Sequence[PilotSession]) -> Series:
    """Return nanoseconds, (visits, positions), of the visits with a single time for every request.

    Visits of sessions may differ in length; the shortest sets the positions.
    """
    visits = [visit.latency_ns for session in sessions for visit in _full_visits(session)]
    positions = min(map(len, visits), default=0)
    return np.array([times[:positions] for times in visits], dtype=np.float64).reshape(len(visits), positions)


def round_times_us(session: PilotSession, settle: int) -> dict[str, Series]:
    """Return the typical time of each arm's visits without their first `settle` requests, (rounds,): NaN if missing.

    For an outside tool, and for concurrent requests, it is the mean of the whole visit.
    """
    rounds = 1 + max((visit.round for visit in session.visits), default=-1)
    series = {visit.arm: np.full(rounds, np.nan) for visit in session.visits}
    for visit in session.visits:
        series[visit.arm][visit.round] = _visit_us(visit, settle)
    return series


def relative_times(session: PilotSession, settle: int) -> Series:
    """Return the typical times in the order of the visits, relative to the median of their arm: (visits,)."""
    medians = {
        arm: np.nanmedian(times) for arm, times in round_times_us(session, settle).items() if np.isfinite(times).any()
    }
    ratios = [_visit_us(visit, settle) / medians[visit.arm] for visit in session.visits if visit.arm in medians]
    return np.array([ratio for ratio in ratios if np.isfinite(ratio)])


def round_s(sessions: Sequence[PilotSession], settle: int, burst: int) -> float:
    """Return the time of a round with visits of `settle` + `burst` requests, from the longer visits of the pilot."""
    return fmean(_round_s(session, settle + burst) for session in sessions)


def _round_s(session: PilotSession, positions: int) -> float:
    rounds = Counter(visit.arm for visit in session.visits)
    whole = _full_visits(session)
    request_s = sum(_request_s([visit for visit in whole if visit.arm == arm]) for arm in rounds)
    saved_requests = max((len(visit.latency_ns) for visit in whole), default=0) - positions
    return max(session.visiting_s / max(rounds.values()) - saved_requests * request_s, positions * request_s)


def _full_visits(session: PilotSession) -> list[Visit]:
    one_by_one = [visit for visit in session.visits if visit.interval_us is None]
    positions = max((len(visit.latency_ns) for visit in one_by_one), default=0)
    return [visit for visit in one_by_one if positions and len(visit.latency_ns) == positions]


def _visit_us(visit: Visit, settle: int) -> float:
    if not visit.latency_ns or visit.interval_us:
        return visit.mean_us or np.nan
    settled = [ns for position, ns in zip(visit.positions, visit.latency_ns, strict=True) if position >= settle]
    return typical_time(settled) / 1000 if settled else np.nan


def _request_s(visits: Sequence[Visit]) -> float:
    """Return the time from the start of a request to that of the next one; 0 without single times."""
    spans_ns = [(visit.start_ns[-1] - visit.start_ns[0], len(visit.start_ns) - 1) for visit in visits]
    requests = sum(count for _, count in spans_ns)
    return sum(span for span, _ in spans_ns) / requests / 1e9 if requests else 0.0
