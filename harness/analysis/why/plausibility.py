"""Whether a difference between transports is one that transports can make."""

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
ORDINARY_BYTES = 83  # of the application's JSON
SMALL_BYTES, ALIKE = 2000, 2.0
LIKE_THE_FLOOR = ("auto", "split")  # placements: barehop floor has its two programs on two CPUs


def with_floor(
    explanations: Sequence[Explanation], experiment: Experiment, records: Sequence[Record], floor: Floor | None
) -> tuple[Explanation, ...]:
    """Each explanation beside the floor: measured in the same run where it has such arms, or else earlier."""
    return tuple(_beside(one, experiment, records, floor) for one in explanations)


def _beside(one: Explanation, experiment: Experiment, records: Sequence[Record], floor: Floor | None) -> Explanation:
    pair = (one.arm, one.against)
    if not _differ_in_transport(pair, experiment):
        return one
    found, exchange_us = _in_run(pair, experiment, records)
    earlier = found is None and floor is not None
    if found is None and floor:
        found, exchange_us = _earlier(pair, experiment, floor)
    if found is None or exchange_us is None:
        return one
    judged = plausibility(one.time_us, found, exchange_us)
    beside = {"floor_us": found, "exchange_us": exchange_us, "floor_is_earlier": earlier, "plausibility": judged}
    return one.model_copy(update=beside)


def plausibility(time_us: Amount, floor_us: Amount, exchange_us: float) -> Plausibility:
    """`time_us` is what an arm takes longer, `floor_us` what its bare transport does.

    Within the floor's difference it is the transport's own cost. Up to a whole exchange, or the other way than the
    floor, it may be what nginx and the app do about it. Beyond a whole exchange no transport can be the cause.
    """
    least, most = _nearest_to_zero(time_us), max(abs(floor_us.low or 0), abs(floor_us.high or 0), abs(floor_us.value))
    if least > exchange_us:
        return "implausible"
    if time_us.excludes_zero and floor_us.excludes_zero and time_us.value * floor_us.value < 0:
        return "the other way"
    return "plausible" if least <= most else "beyond the floor"


def floor_difference(floor: Floor, kind: str, pair: Pair, payload_bytes: int) -> Amount | None:
    """(transport, against): the first less the second, at about `payload_bytes`; Welch's t on runs."""
    runs = [_runs(floor, kind, transport, payload_bytes) for transport in pair]
    if any(len(one) < 2 for one in runs):
        return None
    found = welch(np.asarray(runs[1]), np.asarray(runs[0]))
    low, high = found.interval(CONFIDENCE)
    return Amount(value=found.mean, low=low, high=high)


def _runs(floor: Floor, kind: str, transport: str, payload_bytes: int) -> tuple[float, ...]:
    rows = [row for row in floor.rows if (row.kind, row.transport) == (kind, transport)]
    nearest = min(rows, key=lambda row: abs(row.payload_bytes - payload_bytes), default=None)
    return nearest.runs_us if nearest and _are_alike(nearest.payload_bytes, payload_bytes) else ()


def _are_alike(some_bytes: int, other_bytes: int) -> bool:
    """Small answers cost the same whatever their size; of large ones, only those of about the same."""
    return max(some_bytes, other_bytes) <= max(ALIKE * min(some_bytes, other_bytes), SMALL_BYTES)


def _nearest_to_zero(amount: Amount) -> float:
    if amount.low is None or amount.high is None:
        return abs(amount.value)
    return min(abs(amount.low), abs(amount.high)) if amount.excludes_zero else 0.0


def _differ_in_transport(pair: Pair, experiment: Experiment) -> bool:
    """Only the transport of a full chain is judged: of less than that, the floor is all there is."""
    one, other = (experiment.arm(name).settings for name in pair)
    alike = one.model_dump(exclude={"transport"}) == other.model_dump(exclude={"transport"})
    return alike and one.chain == "full" and one.transport != other.transport


def _in_run(pair: Pair, experiment: Experiment, records: Sequence[Record]) -> tuple[Amount | None, float | None]:
    """From arms of this run that are the floor of the two."""
    one, other = (like(experiment.arm(name), experiment, "floor") for name in pair)
    if one is None or other is None or not connects_alike(experiment.arm(pair[0])):
        return None, None
    found = amount(difference(records, (one.name, other.name), time_us, "median"))
    levels = [amount(level(records, arm.name, time_us, "median")) for arm in (one, other)]
    return found, max((seen.value for seen in levels if seen), default=None)


def _earlier(pair: Pair, experiment: Experiment, floor: Floor) -> tuple[Amount | None, float | None]:
    one, other = (experiment.arm(name).settings for name in pair)
    if one.placement not in LIKE_THE_FLOOR:
        return None, None
    kind = STANDING if one.upstream_keepalive else CONNECTING
    asked = sized(one.path)
    payload_bytes = ORDINARY_BYTES if asked is None else asked
    runs = [_runs(floor, kind, transport, payload_bytes) for transport in (one.transport, other.transport)]
    levels = [sum(each) / len(each) for each in runs if each]
    return floor_difference(floor, kind, (one.transport, other.transport), payload_bytes), max(levels, default=None)
