"""The variance of a pilot's effects within and between sessions, and the gain of interleaving the arms."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

import numpy as np

from harness.analysis.bursts import Series
from harness.analysis.effects import Pair
from harness.analysis.pilot.allan import NORMAL_MAD, allan_deviation
from harness.experiment.schedule import MEDIAN_VARIANCE, Spread
from harness.model import Schedule

# Every restart adds some variance; 2 or 3 sessions seldom show how much.
LEAST_SESSION_SD_PERCENT = 0.3
CLEARLY_MORE = 2.0  # times the variance that rounds explain; by chance in a tenth of pilots
STRETCHES = 4  # of a session, to estimate its drift


def session_sd_percent(sessions: Sequence[Mapping[str, Series]], pairs: Iterable[Pair]) -> float:
    """Return the standard deviation between sessions that rounds do not explain: the effect of restarts.

    `sessions` are times by arm over rounds. The result is at least 0.3 %, also with too few sessions.
    """
    ratios = [_log_ratios(sessions, pair) for pair in pairs]
    effects = [[float(np.median(of_session)) for of_session in pair] for pair in ratios]
    between = [np.var(of_pair, ddof=1) for of_pair in effects if len(of_pair) > 1]
    within = [MEDIAN_VARIANCE * _scale(ratio) ** 2 / ratio.size for pair in ratios for ratio in pair]
    if not between or np.mean(between) < CLEARLY_MORE * np.mean(within):
        return LEAST_SESSION_SD_PERCENT
    return max(100 * math.sqrt(np.mean(between) - np.mean(within)), LEAST_SESSION_SD_PERCENT)


def round_sd_percent(sessions: Sequence[Mapping[str, Series]], pairs: Iterable[Pair]) -> float | None:
    """Return the robust standard deviation of the log ratio over rounds; None without 2 rounds of any pair."""
    scales = [_scale(ratios) for pair in pairs for ratios in _log_ratios(sessions, pair) if ratios.size > 1]
    return 100 * fmean(scales) if scales else None


def drift(in_order: Sequence[Series]) -> float:
    """Return the drift between neighbouring quarters of a session, beyond chance, as an Allan deviation (log ratio).

    `in_order` are the visits of each session relative to the median of their arm. The result is the Allan deviation of
    the longest stretches, less the part that single visits explain.
    """
    long = min(len(visits) for visits in in_order) // STRETCHES if in_order else 0
    if long < 2:
        return 0.0
    by_chance = allan_deviation(in_order, 1) ** 2 / long
    return math.sqrt(max(allan_deviation(in_order, long) ** 2 - by_chance, 0.0))


def gain(drift: float, spread: Spread, schedule: Schedule) -> float:
    """Return how many times wider the interval would be with one arm after the other; at least 1.

    The times of two arms would differ by sqrt(2) * `drift` or more, because machines drift further over a longer time.
    So this is a lower bound, unless drift reverses within a minute.
    """
    between = spread.session_sd_percent**2 / schedule.sessions
    in_turn = spread.sd_percent(schedule.rounds) ** 2 / schedule.sessions
    one_after_the_other = between + 2 * (100 * drift) ** 2
    return max(math.sqrt(one_after_the_other / in_turn), 1.0)


def _log_ratios(sessions: Sequence[Mapping[str, Series]], pair: Pair) -> list[Series]:
    """Return the log ratios over rounds, of the sessions that have any round with both arms."""
    arm, against = pair
    ratios = (
        np.log(session[arm]) - np.log(session[against]) for session in sessions if arm in session and against in session
    )
    finite = (of_session[np.isfinite(of_session)] for of_session in ratios)
    return [of_session for of_session in finite if of_session.size]


def _scale(ratios: Series) -> float:
    return float(np.median(np.abs(ratios - np.median(ratios)))) / NORMAL_MAD
