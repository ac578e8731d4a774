"""Choose settle and burst from a few sessions of long visits, and predict the width of the interval."""

import math
from collections.abc import Sequence
from statistics import fmean

from harness.analysis.estimate import Estimate
from harness.analysis.looks import confidence_at
from harness.analysis.pilot.allan import allan_curve, best_burst
from harness.analysis.pilot.carry_over import carry_over, settled_after
from harness.analysis.pilot.spread import drift, gain, round_sd_percent, session_sd_percent
from harness.analysis.pilot.trials import PilotSession, in_order_us, round_s, series_us, times_by_position
from harness.experiment.lengths import has_long_visits, visit_lengths
from harness.experiment.schedule import NOMINAL_SPREAD, STARTING_SHARE, Spread, schedule_of
from harness.model import AllanPoint, CurvePoint, Experiment, Pilot


def pilot_of(
    experiment: Experiment,
    sessions: Sequence[PilotSession],
    spent_s: float = 0.0,
    *,
    counting_s: float = 0.0,
    slowness: float = 1.0,
) -> Pilot:
    """Return the result of the pilot from `sessions` with the visits of `trial_of`; `spent_s` of the budget are used.

    Settle and burst of the file have priority. Without single times, or with visits that are long for other reasons,
    both curves are empty and the lengths are the defaults.
    """
    times = times_by_position([] if has_long_visits(experiment) else sessions)
    curve = carry_over(times)
    settle = _settle(experiment, curve)
    measuring_s = (1 - STARTING_SHARE) * (experiment.design.budget_s - spent_s)
    allan = allan_curve(times[:, settle:], lambda burst: max(measuring_s / round_s(sessions, settle, burst), 1.0))
    burst = _burst(experiment, allan)
    spread = _spread(experiment, sessions, settle, _near(allan, burst))
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
    drifting = drift([in_order_us(session, settle) for session in sessions])
    return chosen.model_copy(update=_expected(experiment, chosen, spread, drifting, spent_s))


def _settle(experiment: Experiment, curve: Sequence[CurvePoint]) -> int:
    given = experiment.design.settle is not None or not curve
    return visit_lengths(experiment)[0] if given else settled_after(curve)


def _burst(experiment: Experiment, allan: Sequence[AllanPoint]) -> int:
    given = experiment.design.burst is not None or not allan
    return visit_lengths(experiment)[1] if given else best_burst(allan)


def _near(allan: Sequence[AllanPoint], burst: int) -> AllanPoint | None:
    """Return the point of the longest burst that is no longer than `burst`."""
    return max((point for point in allan if point.burst <= burst), key=lambda point: point.burst, default=None)


def _spread(experiment: Experiment, sessions: Sequence[PilotSession], settle: int, point: AllanPoint | None) -> Spread:
    """Return the spread. Two bursts of a round are neighbours, so their difference is sqrt(2) Allan deviations."""
    series = [series_us(session, settle) for session in sessions]
    round_sd = round_sd_percent(series, experiment.pairs) if point is None else math.sqrt(2) * point.deviation_percent
    return Spread(
        session_sd_percent=session_sd_percent(series, experiment.pairs),
        round_sd_percent=NOMINAL_SPREAD.round_sd_percent if round_sd is None else round_sd,
    )


def _expected(
    experiment: Experiment, chosen: Pilot, spread: Spread, drifting: float, spent_s: float
) -> dict[str, float]:
    schedule = schedule_of(experiment, None, chosen, spent_s)
    session = Estimate(mean=0.0, sd=spread.sd_percent(schedule.rounds), sessions=schedule.sessions)
    confidence = confidence_at(schedule.looks, schedule.sessions)
    return {"half_width_percent": session.half_width(confidence), "gain": gain(drifting, spread, schedule)}
