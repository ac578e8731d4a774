"""The slow requests: high percentiles of each arm and their paired differences, where there are requests enough."""

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
    """`p90`, `p999`."""
    return f"p{percentile:g}".replace(".", "")


def arm_tails(sessions: Sequence[SessionData], arm: str, looks: Sequence[int] = ()) -> dict[str, Amount]:
    """Each percentile that can be shown, in us: the mean of the sessions', with Student's t over them.

    On the times as they are, not on their logarithms, so that the value is the mean that stands as `p99_us`.
    """
    confidence = 1 - error_rate_of(looks)(len(sessions))
    found = {percentile_name(one): per_session_us(sessions, arm, one) for one in PERCENTILES}
    known = {name: [value for value in values if value is not None] for name, values in found.items()}
    amounts = {name: amount(dict(enumerate(values)), confidence) for name, values in known.items()}
    return {name: one for name, one in amounts.items() if one}


def tails(experiment: Experiment, sessions: Sequence[SessionData], looks: Sequence[int] = ()) -> tuple[Tail, ...]:
    """Each pair at each percentile that both arms can show, percentile against percentile of the same session.

    One family under Holm, apart from the comparisons; the control is judged alone.
    """
    family = dict(_family(experiment, sessions))
    failed = failures(session.record for session in sessions)
    margin = experiment.design.equivalence_percent

    def excuse(asked: Asked) -> str:
        return failure_excuse(asked[0], failed) or _too_coarse(sessions, asked, family[asked], margin)

    said = judged(family, margin, error_rate_of(looks), excuse, alone=lambda asked: is_control(experiment, asked[0]))
    return tuple(
        Tail(arm=pair[0], against=pair[1], metric="latency", percentile=percentile, **fields)
        for (pair, percentile), fields in said.items()
    )


def _family(experiment: Experiment, sessions: Sequence[SessionData]) -> Iterator[tuple[Asked, Effects]]:
    arms = dict.fromkeys(name for pair in experiment.pairs for name in pair)
    shown = {(arm, one): per_session_us(sessions, arm, one) for arm in arms for one in PERCENTILES}
    for pair in experiment.pairs:
        for percentile in PERCENTILES:
            both = zip(*(shown[name, percentile] for name in pair), strict=True)
            values_us = [(arm, against) for arm, against in both if arm and against]
            if values_us:
                yield (pair, percentile), _effects(values_us)


def _effects(values_us: Sequence[tuple[float, float]]) -> Effects:
    arm, against = np.array(values_us).T
    return Effects(log_ratio=np.log(arm) - np.log(against), difference_us=arm - against)


def _too_coarse(sessions: Sequence[SessionData], asked: Asked, seen: Effects, margin_percent: float) -> str:
    """Why an outside tool's percentiles do not decide: all sessions may agree only because its steps are wide."""
    pair, percentile = asked
    visits = [visit for session in sessions for visit in session.record.visits if visit.arm in pair]
    step = step_us(visit.percentiles_us.get(percentile) for visit in visits)
    level_us = step and float(np.mean([visit.percentiles_us.get(percentile, 0) for visit in visits]))
    if step <= level_us * margin_percent / 100 or abs(float(np.mean(seen.difference_us))) > step:
        return ""
    return f"The tool gives this percentile in steps of {step:g} us, and the difference is no larger."
