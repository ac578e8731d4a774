"""Where the time of a request goes: from the floor to the full chain, and what no part explains."""

from collections.abc import Iterator, Sequence

from harness.analysis.why.per_session import PerArm, amount, combined, level
from harness.analysis.why.quantities import time_us
from harness.model import Amount, Arm, Chain, Experiment, Part, Record, Waterfall

HOP = "the floor: the bare transport of the hop"
APP = "the app behind it"
PROXY = "nginx in front, answering by itself"
REST = "the rest: nginx asking the app, less one client"


def waterfalls(experiment: Experiment, records: Sequence[Record]) -> tuple[Waterfall, ...]:
    """One for each arm with the full chain that has its parts beside it: arms that differ from it in chain alone."""
    found = (_waterfall(arm, experiment, records) for arm in experiment.arms if arm.control_of is None)
    return tuple(waterfall for waterfall in found if waterfall)


def _waterfall(arm: Arm, experiment: Experiment, records: Sequence[Record]) -> Waterfall | None:
    direct, floor = like(arm, experiment, "app-direct"), like(arm, experiment, "floor")
    proxy = like(arm, experiment, "proxy-only", any_hop=True)
    total = amount(level(records, arm.name, time_us, "trimmed"))
    if arm.settings.chain != "full" or not (direct and floor and proxy and total):
        return None
    weights: dict[str, PerArm] = {
        HOP: {floor.name: 1},
        APP: {direct.name: 1, floor.name: -1},
        PROXY: {proxy.name: 1},
        REST: {arm.name: 1, direct.name: -1, proxy.name: -1},
    }
    parts = tuple(_parts(weights, records))
    return Waterfall(
        transport=arm.settings.transport,
        arm=arm.name,
        parts=parts,
        sum_us=sum(part.us.value for part in parts),
        total_us=total,
    )


def _parts(weights: dict[str, PerArm], records: Sequence[Record]) -> Iterator[Part]:
    for name, of_arms in weights.items():
        seen = amount(combined(records, of_arms, time_us, "trimmed"))
        yield Part(name=name, us=seen or Amount(value=0.0))


def like(arm: Arm, experiment: Experiment, chain: Chain, *, any_hop: bool = False) -> Arm | None:
    """The arm that differs from `arm` in its chain alone; of nginx by itself the transport does not matter."""
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
