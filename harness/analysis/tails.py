"""High percentiles of each arm and their paired effects, where there are enough requests."""

from collections.abc import Iterator, Sequence

import numpy as np

from harness.analysis.bursts import SessionData
from harness.analysis.comparisons import is_control
from harness.analysis.effects import Effects, Pair
from harness.analysis.failures import failure_excuse, failures
from harness.analysis.judged import judged
from harness.analysis.looks import error_rate_of
from harness.analysis.percentiles import per_session_us
from harness.analysis.resolution import step_us
from harness.analysis.why.per_session import amount
from harness.model import Amount, Experiment, Tail

PERCENTILES = (90.0, 99.0, 99.9)

Asked = tuple[Pair, float]  # a pair, and a percentile


def percentile_name(percentile: float) -> str:
    """Return the name of a percentile: `p90`, `p999`."""
    return f"p{percentile:g}".replace(".", "")


def arm_tails(sessions: Sequence[SessionData], arm: str, looks: Sequence[int] = ()) -> dict[str, Amount]:
    """Return each percentile that has enough requests, in us: the mean over sessions with its interval.

    Of the times, not of their logarithms, so that the value equals `p99_us`.
    """
    confidence = 1 - error_rate_of(looks)(len(sessions))
    values_by_name = {
        percentile_name(percentile): per_session_us(sessions, arm, percentile) for percentile in PERCENTILES
    }
    known = {name: [value for value in values if value is not None] for name, values in values_by_name.items()}
    amounts = {name: amount(dict(enumerate(values)), confidence) for name, values in known.items()}
    return {name: interval for name, interval in amounts.items() if interval}


def tails(experiment: Experiment, sessions: Sequence[SessionData], looks: Sequence[int] = ()) -> tuple[Tail, ...]:
    """Return the effect of each pair on each percentile that both arms have, session by session.

    They are one family under Holm, separate from the comparisons; the control is judged alone.
    """
    family = dict(_family(experiment, sessions))
    failed = failures(session.record for session in sessions)
    margin = experiment.design.equivalence_percent

    def excuse(asked: Asked) -> str:
        return failure_excuse(asked[0], failed) or _too_coarse(sessions, asked, family[asked], margin)

    judged_fields = judged(
        family, margin, error_rate_of(looks), excuse, alone=lambda asked: is_control(experiment, asked[0])
    )
    return tuple(
        Tail(arm=pair[0], against=pair[1], metric="latency", percentile=percentile, **fields)
        for (pair, percentile), fields in judged_fields.items()
    )


def _family(experiment: Experiment, sessions: Sequence[SessionData]) -> Iterator[tuple[Asked, Effects]]:
    arms = dict.fromkeys(name for pair in experiment.pairs for name in pair)
    values = {
        (arm, percentile): per_session_us(sessions, arm, percentile) for arm in arms for percentile in PERCENTILES
    }
    for pair in experiment.pairs:
        for percentile in PERCENTILES:
            both = zip(*(values[name, percentile] for name in pair), strict=True)
            values_us = [(arm, against) for arm, against in both if arm and against]
            if values_us:
                yield (pair, percentile), _effects(values_us)


def _effects(values_us: Sequence[tuple[float, float]]) -> Effects:
    arm, against = np.array(values_us).T
    return Effects(log_ratio=np.log(arm) - np.log(against), difference_us=arm - against)


def _too_coarse(sessions: Sequence[SessionData], asked: Asked, values: Effects, margin_percent: float) -> str:
    """Return why an outside tool's percentiles do not decide: its steps may be wider than the difference."""
    pair, percentile = asked
    visits = [visit for session in sessions for visit in session.record.visits if visit.arm in pair]
    step = step_us(visit.percentiles_us.get(percentile) for visit in visits)
    level_us = step and float(np.mean([visit.percentiles_us.get(percentile, 0) for visit in visits]))
    if step <= level_us * margin_percent / 100 or abs(float(np.mean(values.difference_us))) > step:
        return ""
    return f"The tool reports this percentile in steps of {step:g} us, and the difference is no larger."
