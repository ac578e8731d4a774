"""How far a pilot's effects scatter within and between sessions, and what taking turns gains."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

import numpy as np

from harness.analysis.bursts import Series
from harness.analysis.effects import Pair
from harness.analysis.pilot.allan import NORMAL_MAD, allan_deviation
from harness.experiment.schedule import MEDIAN_VARIANCE, Spread
from harness.model import Schedule

# Fresh starts make some difference always; 2 or 3 of them seldom show how much.
LEAST_SESSION_SD_PERCENT = 0.3
CLEARLY_MORE = 2.0  # times the variance that rounds explain: by chance in a tenth of pilots
STRETCHES = 4  # that a session is cut into to see its drift


def session_sd_percent(sessions: Sequence[Mapping[str, Series]], pairs: Iterable[Pair]) -> float:
    """What fresh starts do to an effect: the variance between sessions that their rounds do not explain.

    `sessions` are times by arm over rounds. At least 0.3 %; that as well where too few sessions show anything.
    """
    ratios = [_log_ratios(sessions, pair) for pair in pairs]
    effects = [[float(np.median(of_session)) for of_session in pair] for pair in ratios]
    between = [np.var(of_pair, ddof=1) for of_pair in effects if len(of_pair) > 1]
    within = [MEDIAN_VARIANCE * _scale(each) ** 2 / each.size for pair in ratios for each in pair]
    if not between or np.mean(between) < CLEARLY_MORE * np.mean(within):
        return LEAST_SESSION_SD_PERCENT
    return max(100 * math.sqrt(np.mean(between) - np.mean(within)), LEAST_SESSION_SD_PERCENT)


def round_sd_percent(sessions: Sequence[Mapping[str, Series]], pairs: Iterable[Pair]) -> float | None:
    """How far the log ratio of two visits scatters over rounds, robust; None where no pair was visited twice."""
    scales = [_scale(each) for pair in pairs for each in _log_ratios(sessions, pair) if each.size > 1]
    return 100 * fmean(scales) if scales else None


def drift(in_order: Sequence[Series]) -> float:
    """How far neighbouring quarters of a session differ beyond what chance explains, over sqrt(2): a log ratio.

    `in_order` are each session's visits as parts of their arm's median. The Allan deviation of the longest stretches,
    less what is left of that of single visits.
    """
    long = min(len(visits) for visits in in_order) // STRETCHES if in_order else 0
    if long < 2:
        return 0.0
    by_chance = allan_deviation(in_order, 1) ** 2 / long
    return math.sqrt(max(allan_deviation(in_order, long) ** 2 - by_chance, 0.0))


def gain(drift: float, spread: Spread, schedule: Schedule) -> float:
    """How many times wider the interval would be if every arm had its time in one piece; at least 1.

    Two such pieces differ by sqrt(2) * `drift` and more, since pieces are longer than what `drift` was seen in and
    machines drift the farther the longer. That makes it a lower bound, unless drift swings back within a minute.
    """
    between = spread.session_sd_percent**2 / schedule.sessions
    in_turn = spread.sd_percent(schedule.rounds) ** 2 / schedule.sessions
    one_after_the_other = between + 2 * (100 * drift) ** 2
    return max(math.sqrt(one_after_the_other / in_turn), 1.0)


def _log_ratios(sessions: Sequence[Mapping[str, Series]], pair: Pair) -> list[Series]:
    """Over rounds, of the sessions that have any round with both arms."""
    arm, against = pair
    ratios = (np.log(one[arm]) - np.log(one[against]) for one in sessions if arm in one and against in one)
    finite = (of_session[np.isfinite(of_session)] for of_session in ratios)
    return [of_session for of_session in finite if of_session.size]


def _scale(ratios: Series) -> float:
    return float(np.median(np.abs(ratios - np.median(ratios)))) / NORMAL_MAD
