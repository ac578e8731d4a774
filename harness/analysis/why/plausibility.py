"""Whether a difference between transports is as small as the floor says."""

from collections.abc import Sequence

import numpy as np

from harness.analysis.across.welch import welch
from harness.analysis.effects import Pair
from harness.analysis.why.per_session import CONFIDENCE, amount, difference, level
from harness.analysis.why.quantities import time_us
from harness.analysis.why.waterfall import connects_alike, like
from harness.experiment.limits import sized
from harness.model import Amount, Experiment, Explanation, Floor, Plausibility, Record

STANDING, CONNECTING = "ping-pong", "connect"
ORDINARY_BYTES = 83  # the JSON of our application
SMALL_BYTES, ALIKE = 2000, 2.0
LIKE_THE_FLOOR = ("auto", "split")  # placements: barehop floor runs its two programs on two CPUs


def with_floor(
    explanations: Sequence[Explanation], experiment: Experiment, records: Sequence[Record], floor: Floor | None
) -> tuple[Explanation, ...]:
    """Return the explanations with the floor of the same run if it has such arms, or else the earlier `floor`."""
    return tuple(_beside(explanation, experiment, records, floor) for explanation in explanations)


def _beside(
    explanation: Explanation, experiment: Experiment, records: Sequence[Record], floor: Floor | None
) -> Explanation:
    pair = (explanation.arm, explanation.against)
    if not _differ_in_transport(pair, experiment):
        return explanation
    floor_us, exchange_us = _in_run(pair, experiment, records)
    earlier = floor_us is None and floor is not None
    if floor_us is None and floor:
        floor_us, exchange_us = _earlier(pair, experiment, floor)
    if floor_us is None or exchange_us is None:
        return explanation
    verdict = plausibility(explanation.time_us, floor_us, exchange_us)
    beside = {"floor_us": floor_us, "exchange_us": exchange_us, "floor_is_earlier": earlier, "plausibility": verdict}
    return explanation.model_copy(update=beside)


def plausibility(time_us: Amount, floor_us: Amount, exchange_us: float) -> Plausibility:
    """Return the plausibility of a difference `time_us` whose bare transports differ by `floor_us`.

    Within the floor's difference, the transport itself is the cause. Up to a whole exchange, or with the opposite sign,
    nginx and the app may be. Beyond a whole exchange, no transport can be the cause.
    """
    least, most = _nearest_to_zero(time_us), max(abs(floor_us.low or 0), abs(floor_us.high or 0), abs(floor_us.value))
    if least > exchange_us:
        return "implausible"
    if time_us.excludes_zero and floor_us.excludes_zero and time_us.value * floor_us.value < 0:
        return "the other way"
    return "plausible" if least <= most else "beyond the floor"


def floor_difference(floor: Floor, kind: str, pair: Pair, payload_bytes: int) -> Amount | None:
    """Return the first transport less the second at about `payload_bytes`, by Welch's t on runs."""
    runs = [_runs(floor, kind, transport, payload_bytes) for transport in pair]
    if any(len(times) < 2 for times in runs):
        return None
    estimate = welch(np.asarray(runs[1]), np.asarray(runs[0]))
    low, high = estimate.interval(CONFIDENCE)
    return Amount(value=estimate.mean, low=low, high=high)


def _runs(floor: Floor, kind: str, transport: str, payload_bytes: int) -> tuple[float, ...]:
    rows = [row for row in floor.rows if (row.kind, row.transport) == (kind, transport)]
    nearest = min(rows, key=lambda row: abs(row.payload_bytes - payload_bytes), default=None)
    return nearest.runs_us if nearest and _are_alike(nearest.payload_bytes, payload_bytes) else ()


def _are_alike(some_bytes: int, other_bytes: int) -> bool:
    """Whether two sizes are comparable: both small, or within a factor of 2."""
    return max(some_bytes, other_bytes) <= max(ALIKE * min(some_bytes, other_bytes), SMALL_BYTES)


def _nearest_to_zero(amount: Amount) -> float:
    if amount.low is None or amount.high is None:
        return abs(amount.value)
    return min(abs(amount.low), abs(amount.high)) if amount.excludes_zero else 0.0


def _differ_in_transport(pair: Pair, experiment: Experiment) -> bool:
    """Whether two arms with the full chain differ in the transport alone."""
    settings, others = (experiment.arm(name).settings for name in pair)
    alike = settings.model_dump(exclude={"transport"}) == others.model_dump(exclude={"transport"})
    return alike and settings.chain == "full" and settings.transport != others.transport


def _in_run(pair: Pair, experiment: Experiment, records: Sequence[Record]) -> tuple[Amount | None, float | None]:
    """Return the difference of the two floor arms of this run, and the longer exchange; None without them."""
    arm_floor, against_floor = (like(experiment.arm(name), experiment, "floor") for name in pair)
    if arm_floor is None or against_floor is None or not connects_alike(experiment.arm(pair[0])):
        return None, None
    floor_us = amount(difference(records, (arm_floor.name, against_floor.name), time_us, "median"))
    levels = [amount(level(records, arm.name, time_us, "median")) for arm in (arm_floor, against_floor)]
    return floor_us, max((interval.value for interval in levels if interval), default=None)


def _earlier(pair: Pair, experiment: Experiment, floor: Floor) -> tuple[Amount | None, float | None]:
    settings, others = (experiment.arm(name).settings for name in pair)
    if settings.placement not in LIKE_THE_FLOOR:
        return None, None
    kind = STANDING if settings.upstream_keepalive else CONNECTING
    path_bytes = sized(settings.path)
    payload_bytes = ORDINARY_BYTES if path_bytes is None else path_bytes
    runs = [_runs(floor, kind, transport, payload_bytes) for transport in (settings.transport, others.transport)]
    levels = [sum(times) / len(times) for times in runs if times]
    return floor_difference(floor, kind, (settings.transport, others.transport), payload_bytes), max(
        levels, default=None
    )
