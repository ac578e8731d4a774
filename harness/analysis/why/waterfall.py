"""Splits a difference in latency into CPU time, waiting and the rest; and the share of connection set-up."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from harness.analysis.contrasts.engine import RunSeries, WeightedSum, Weights, difference, interval_of
from harness.analysis.statistics.series import ArmPair
from harness.analysis.why.quantities import CPU_TOTAL_US, TIME_US, TRIMMED_TIME_US
from harness.model import Arm, Chain, ConnectionSetup, CounterSummary, Experiment, Interval, Waterfall, WaterfallPart
from harness.model.metrics import Quantity

HOP = "the floor: the bare transport of the hop"
APP = "the app behind it"
PROXY = "nginx in front, answering by itself"
REST = "the rest: nginx asking the app, less one client"
OPENS_COUNTER = "hop.active_opens"


def waterfalls(experiment: Experiment, series: RunSeries) -> tuple[Waterfall, ...]:
    """Return a waterfall for each arm with the full chain whose parts are arms that differ in chain alone."""
    candidates = (_waterfall(arm, experiment, series) for arm in experiment.arms if arm.control_of is None)
    return tuple(waterfall for waterfall in candidates if waterfall)


def _waterfall(arm: Arm, experiment: Experiment, series: RunSeries) -> Waterfall | None:
    direct, floor = arm_with_chain(arm, experiment, "app-direct"), arm_with_chain(arm, experiment, "floor")
    proxy = arm_with_chain(arm, experiment, "proxy-only", any_hop=True)
    if arm.settings.chain != "full" or not (direct and floor and proxy) or not has_same_keepalive(arm):
        return None
    if any(record.failures.get(part.name) for record in series.records for part in (arm, direct, floor, proxy)):
        return None
    weights: dict[str, Weights] = {
        HOP: {floor.name: 1},
        APP: {direct.name: 1, floor.name: -1},
        PROXY: {proxy.name: 1},
        REST: {arm.name: 1, direct.name: -1, proxy.name: -1},
    }
    intervals = {name: interval_of(series, WeightedSum(TRIMMED_TIME_US, of_arms)) for name, of_arms in weights.items()}
    total = interval_of(series, WeightedSum(TRIMMED_TIME_US, {arm.name: 1}))
    known = [WaterfallPart(name=name, us=interval) for name, interval in intervals.items() if interval]
    if total is None or len(known) < len(intervals):
        return None
    return Waterfall(
        transport=arm.settings.transport,
        arm=arm.name,
        parts=tuple(known),
        sum_us=sum(part.us.value for part in known),
        total_us=total,
    )


def has_same_keepalive(arm: Arm) -> bool:
    """Whether the client keeps its connections if and only if nginx does."""
    return arm.settings.client_keepalive == bool(arm.settings.upstream_keepalive)


def arm_with_chain(arm: Arm, experiment: Experiment, chain: Chain, *, any_hop: bool = False) -> Arm | None:
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


def connection_setups(
    experiment: Experiment, counters: Sequence[CounterSummary], series: RunSeries
) -> tuple[ConnectionSetup, ...]:
    """Return the set-up cost for each two comparisons that differ only in upstream_keepalive."""
    opens = next((counter.arms for counter in counters if counter.name == OPENS_COUNTER), {})
    candidates = (_setup(without, kept, series, opens) for without, kept in _couples(experiment))
    return tuple(setup for setup in candidates if setup)


def _couples(experiment: Experiment) -> Iterator[tuple[ArmPair, ArmPair]]:
    """Yield (a comparison without kept connections, the same with them)."""
    pairs = [pair for pair in experiment.pairs if experiment.arm(pair[0]).control_of is None]
    for without in pairs:
        for kept in pairs:
            if all(_adds_keepalive(experiment.arm(a), experiment.arm(b)) for a, b in zip(without, kept, strict=True)):
                yield without, kept


def _adds_keepalive(plain: Arm, other: Arm) -> bool:
    """Whether `other` is `plain` with connections that nginx keeps."""
    of_plain, of_other = (arm.settings.model_dump(exclude={"upstream_keepalive"}) for arm in (plain, other))
    keeps = not plain.settings.upstream_keepalive and bool(other.settings.upstream_keepalive)
    return keeps and of_plain == of_other


def _setup(without: ArmPair, kept: ArmPair, series: RunSeries, opens: Mapping[str, Interval]) -> ConnectionSetup | None:
    time = _difference_triple(without, kept, series, TIME_US)
    if time is None:
        return None
    cpu = _difference_triple(without, kept, series, CPU_TOTAL_US) or (None, None, None)
    return ConnectionSetup(
        arm=without[0],
        against=without[1],
        kept_arm=kept[0],
        kept_against=kept[1],
        without_us=time[0],
        kept_us=time[1],
        setup_us=time[2],
        without_cpu_us=cpu[0],
        kept_cpu_us=cpu[1],
        setup_cpu_us=cpu[2],
        opens=_most(without, opens),
        kept_opens=_most(kept, opens),
    )


def _difference_triple(
    without: ArmPair, kept: ArmPair, series: RunSeries, quantity: Quantity
) -> tuple[Interval, Interval, Interval] | None:
    """Return the difference without kept connections, that with them, and the first less the second."""
    of_without, of_kept = difference(without, quantity), difference(kept, quantity)
    without_us, kept_us = interval_of(series, of_without), interval_of(series, of_kept)
    shrunk_us = interval_of(series, of_without, replace(of_kept, factor=-1.0))
    return (without_us, kept_us, shrunk_us) if without_us and kept_us and shrunk_us else None


def _most(pair: ArmPair, opens: Mapping[str, Interval]) -> Interval | None:
    """Return the rate of the arm of the pair that opens more connections."""
    rates = [opens[arm] for arm in pair if arm in opens]
    return max(rates, key=lambda amount: amount.value, default=None)
