"""The parts of the time of a request, from the floor to the full chain, and the unexplained rest."""

from collections.abc import Sequence

from harness.analysis.why.per_session import PerArm, amount, combined, level
from harness.analysis.why.quantities import time_us
from harness.model import Arm, Chain, Experiment, Part, Record, Waterfall

HOP = "the floor: the bare transport of the hop"
APP = "the app behind it"
PROXY = "nginx in front, answering by itself"
REST = "the rest: nginx asking the app, less one client"


def waterfalls(experiment: Experiment, records: Sequence[Record]) -> tuple[Waterfall, ...]:
    """Return a waterfall for each arm with the full chain whose parts are arms that differ in chain alone."""
    candidates = (_waterfall(arm, experiment, records) for arm in experiment.arms if arm.control_of is None)
    return tuple(waterfall for waterfall in candidates if waterfall)


def _waterfall(arm: Arm, experiment: Experiment, records: Sequence[Record]) -> Waterfall | None:
    direct, floor = like(arm, experiment, "app-direct"), like(arm, experiment, "floor")
    proxy = like(arm, experiment, "proxy-only", any_hop=True)
    if arm.settings.chain != "full" or not (direct and floor and proxy) or not connects_alike(arm):
        return None
    if any(record.failures.get(part.name) for record in records for part in (arm, direct, floor, proxy)):
        return None
    weights: dict[str, PerArm] = {
        HOP: {floor.name: 1},
        APP: {direct.name: 1, floor.name: -1},
        PROXY: {proxy.name: 1},
        REST: {arm.name: 1, direct.name: -1, proxy.name: -1},
    }
    parts = [_part(name, of_arms, records) for name, of_arms in weights.items()]
    total = amount(level(records, arm.name, time_us, "trimmed"))
    known = [part for part in parts if part]
    if total is None or len(known) < len(parts):
        return None
    return Waterfall(
        transport=arm.settings.transport,
        arm=arm.name,
        parts=tuple(known),
        sum_us=sum(part.us.value for part in known),
        total_us=total,
    )


def _part(name: str, of_arms: PerArm, records: Sequence[Record]) -> Part | None:
    interval = amount(combined(records, of_arms, time_us, "trimmed"))
    return Part(name=name, us=interval) if interval else None


def connects_alike(arm: Arm) -> bool:
    """Whether the client keeps its connections if and only if nginx does."""
    return arm.settings.client_keepalive == bool(arm.settings.upstream_keepalive)


def like(arm: Arm, experiment: Experiment, chain: Chain, *, any_hop: bool = False) -> Arm | None:
    """Return the arm that differs from `arm` in its chain alone, or with `any_hop` in its transport too."""
    free = {"chain", "transport"} if any_hop else {"chain"}
    wanted = arm.settings.model_dump(exclude=free)
    return next(
        (
            other
            for other in experiment.arms
            if other.settings.chain == chain and other.settings.model_dump(exclude=free) == wanted
        ),
        None,
    )
