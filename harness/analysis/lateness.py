"""Send lag: whether a client that sends at a rate was late by different amounts for two arms."""

from collections.abc import Sequence

import numpy as np

from harness.analysis.bursts import Series, SessionData
from harness.analysis.effects import centre
from harness.analysis.estimate import Estimate, estimate
from harness.analysis.judged import FEWEST_SESSIONS
from harness.model import Comparison, Record

SHARE = 0.5  # of the difference


def unless_late(comparison: Comparison, sessions: Sequence[SessionData]) -> Comparison:
    """Return the comparison, without its verdict if send lag may explain half the difference or more."""
    if comparison.verdict not in ("faster", "slower") or comparison.us is None:
        return comparison
    lag_us = lateness_us([session.record for session in sessions], comparison.arm, comparison.against)
    if lag_us is None:
        return comparison
    low_us, high_us = lag_us.interval(comparison.confidence)
    if max(abs(low_us), abs(high_us)) < SHARE * abs(comparison.us):
        return comparison
    why = (
        f"the client sent requests of {comparison.arm} later than meant by {lag_us.mean:+.0f} us ({low_us:+.0f} to "
        f"{high_us:+.0f}) compared with {comparison.against}, which could explain half of the difference of "
        f"{comparison.us:+.0f} us or more; give the client a CPU of its own with placement, or lower the rate."
    )
    return comparison.model_copy(update={"verdict": None, "why": why, "sessions_to_decide": None})


def lateness_us(records: Sequence[Record], arm: str, against: str) -> Estimate | None:
    """Return how much later than `against` the requests of `arm` were sent; None if not sent at a rate."""
    per_session = [_differences_us(record, arm, against) for record in records]
    known = [float(centre(differences, "mean")) for differences in per_session if differences.size]
    return estimate(np.array(known)) if len(known) >= FEWEST_SESSIONS else None


def _differences_us(record: Record, arm: str, against: str) -> Series:
    late = {(visit.arm, visit.round): visit.late_us for visit in record.visits if visit.late_us is not None}
    rounds = sorted(round_ for name, round_ in late if name == arm and (against, round_) in late)
    return np.array([late[arm, round_] - late[against, round_] for round_ in rounds])
