"""The ladder: what each rung adds to the one below, and whether the steps add up."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from harness.analysis.comparisons import count_failures, failure_reason
from harness.analysis.designs.factorial import pair_by_session, setting_levels
from harness.analysis.statistics.group_sequential import error_rate_of
from harness.analysis.statistics.inference import judge_family
from harness.analysis.statistics.series import ArmPair, Series, SessionData, SessionValues, round_times_us
from harness.analysis.why.quantities import VisitValue, difference_by_session, mean_interval
from harness.experiment.contrasts import is_ladder
from harness.experiment.cost import is_capacity_search
from harness.experiment.transports import HOST_NETWORK
from harness.model import (
    SERVER_ROLES,
    Additivity,
    Arm,
    CombinedRungs,
    Comparison,
    Experiment,
    Interval,
    Judgement,
    Ladder,
    LadderStep,
    NonAdditivity,
    Record,
    RungEffect,
    Settings,
    Verdict,
    VisitRow,
)
from harness.model.metrics import Centre
from harness.model.settings import RungSettings

LINK_PACKETS = "net.link_packets"


def _cpu_us(visit: VisitRow) -> float | None:
    """Return the CPU time of the servers, including a relay that counts as one of them."""
    return sum(visit.cpu_us.get(role, 0.0) for role in SERVER_ROLES) if visit.cpu_us else None


def _link_packets(visit: VisitRow) -> float | None:
    """Return the packets over links, 0 without links; None if the network was not read."""
    return visit.counters.get(LINK_PACKETS, 0.0) if "net.segments_out" in visit.counters else None


def _counter_sum(names: Sequence[str], visit: VisitRow) -> float | None:
    """Return the sum of counters if all of them were read."""
    return sum(visit.counters[name] for name in names) if set(names) <= visit.counters.keys() else None


def _sum_of(*names: str) -> VisitValue:
    return partial(_counter_sum, names)


STEP_QUANTITIES: Mapping[str, tuple[Callable[[VisitRow], float | None], Centre]] = {
    "cpu_us": (_cpu_us, "trimmed"),
    "waiting_us": (_sum_of(*(f"{role}.wait_us" for role in SERVER_ROLES)), "trimmed"),
    "switches": (_sum_of(*(f"{role}.voluntary" for role in SERVER_ROLES)), "mean"),
    "segments": (_sum_of("net.segments_out"), "mean"),
    "lo_packets": (_sum_of("net.lo_packets"), "mean"),
    "link_packets": (_link_packets, "mean"),
    "softirqs": (_sum_of("host.net_rx"), "mean"),
}
LADDER_METRIC = "latency"
ADDITIVITY_BY_VERDICT: Mapping[Verdict | None, Additivity | None] = {
    "equivalent": "additive",
    "slower": "more",
    "faster": "less",
    "undecided": "undecided",
    None: None,
}


@dataclass(frozen=True, slots=True)
class PairSum:
    """The effects of `plus` added up, less those of `minus`."""

    plus: tuple[ArmPair, ...]
    minus: tuple[ArmPair, ...] = ()

    @property
    def arms(self) -> tuple[str, ...]:
        """All arms of the pairs."""
        return tuple(dict.fromkeys(name for pair in (*self.plus, *self.minus) for name in pair))


JudgementBySum = Mapping[PairSum, Judgement]

LadderSettings = Mapping[str, str]


def step_counters(records: Sequence[Record], pair: ArmPair) -> dict[str, Interval]:
    """Return the differences by name, in the order of the report, without those that were not counted."""
    intervals = {
        name: mean_interval(difference_by_session(records, pair, value, centre))
        for name, (value, centre) in STEP_QUANTITIES.items()
    }
    return {name: interval for name, interval in intervals.items() if interval}


def ladders(
    experiment: Experiment,
    sessions: Sequence[SessionData],
    comparisons: Sequence[Comparison],
    looks: Sequence[int] = (),
) -> tuple[Ladder, ...]:
    """Return the ladders; none for a search for capacities, whose steps are no times.

    Steps are the comparisons. Tops, sums, and excesses over sums are each a family under Holm's correction.
    """
    candidates = [] if is_capacity_search(experiment) else ladder_structures(experiment)
    compared = {
        (comparison.arm, comparison.against): comparison
        for comparison in comparisons
        if comparison.metric == LADDER_METRIC
    }
    judge = partial(_judge_sums, experiment, sessions, looks)
    wholes = [whole for structure in candidates for whole in structure.wholes if whole.parts]
    judgement_by_sum = {
        **judge([_single_pair(structure.top) for structure in candidates if structure.top]),
        **judge([PairSum(whole.parts) for whole in wholes]),
        **judge([_excess(whole) for whole in wholes]),
    }
    records = [session.record for session in sessions]
    return tuple(_ladder(experiment, structure, compared, judgement_by_sum, records) for structure in candidates)


@dataclass(frozen=True, slots=True)
class RungBundle:
    """An arm with several rungs at once: the pair with the bottom, and the pairs whose sum it is compared with.

    `bare` is the arm on the same network without a sandbox, or "". `missing` are rungs that no arm has by itself; then
    there are no parts.
    """

    pair: ArmPair
    bare: str
    parts: tuple[ArmPair, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LadderStructure:
    """The pairs of one ladder: `network` steps from the bottom up, `sandbox` steps, and the arms with several rungs.

    `top` compares the network rung of such an arm, or the highest one, with the bottom, if there are several steps.
    """

    transport: str
    where: LadderSettings
    bottom: str
    network: tuple[ArmPair, ...]
    sandbox: tuple[ArmPair, ...]
    wholes: tuple[RungBundle, ...]
    top: ArmPair | None


def _ladder(
    experiment: Experiment,
    structure: LadderStructure,
    compared: Mapping[ArmPair, Comparison],
    judgement_by_sum: JudgementBySum,
    records: Sequence[Record],
) -> Ladder:
    return Ladder(
        transport=structure.transport,
        where=dict(structure.where),
        bottom=structure.bottom,
        steps=(
            *(_step(experiment, compared[pair], "network", records) for pair in structure.network),
            *(_step(experiment, compared[pair], "sandbox", records) for pair in structure.sandbox),
        ),
        top=_rung_effect(experiment, structure.top, judgement_by_sum[_single_pair(structure.top)])
        if structure.top
        else None,
        together=tuple(_combined_rungs(experiment, whole, compared, judgement_by_sum) for whole in structure.wholes),
    )


def _step(
    experiment: Experiment, comparison: Comparison, kind: Literal["network", "sandbox"], records: Sequence[Record]
) -> LadderStep:
    pair = (comparison.arm, comparison.against)
    effect = _rung_effect_of(experiment, comparison)
    return LadderStep(**dict(effect), kind=kind, backing=step_counters(records, pair))


def _rung_effect_of(experiment: Experiment, comparison: Comparison) -> RungEffect:
    pair = (comparison.arm, comparison.against)
    return RungEffect(**comparison.model_dump(exclude={"checks"}), rungs=_rungs(experiment, pair))


def _rung_effect(experiment: Experiment, pair: ArmPair, judgement: Judgement) -> RungEffect:
    return RungEffect(
        arm=pair[0], against=pair[1], metric=LADDER_METRIC, rungs=_rungs(experiment, pair), **dict(judgement)
    )


def _combined_rungs(
    experiment: Experiment, whole: RungBundle, compared: Mapping[ArmPair, Comparison], judgement_by_sum: JudgementBySum
) -> CombinedRungs:
    measured = _rung_effect_of(experiment, compared[whole.pair])
    if not whole.parts:
        return CombinedRungs(measured=measured, missing=whole.missing)
    beyond = judgement_by_sum[_excess(whole)]
    return CombinedRungs(
        measured=measured,
        parts=tuple(arm for arm, _ in whole.parts),
        sum=_rung_effect(experiment, whole.pair, judgement_by_sum[PairSum(whole.parts)]),
        beyond=NonAdditivity(
            arm=whole.pair[0],
            against=whole.pair[1],
            metric=LADDER_METRIC,
            **dict(beyond) | {"verdict": ADDITIVITY_BY_VERDICT[beyond.verdict]},
        ),
    )


def _rungs(experiment: Experiment, pair: ArmPair) -> tuple[str, ...]:
    """Return the rungs that the higher arm has and the lower has not."""
    higher, lower = (_all_rungs(experiment.arm(name).settings) for name in pair)
    return tuple(rung for rung in higher if rung not in lower)


def _all_rungs(settings: Settings) -> list[str]:
    return [*([] if settings.network == HOST_NETWORK else [settings.network]), *settings.sandbox]


def _single_pair(pair: ArmPair) -> PairSum:
    return PairSum((pair,))


def _excess(whole: RungBundle) -> PairSum:
    return PairSum((whole.pair,), whole.parts)


def _judge_sums(
    experiment: Experiment, sessions: Sequence[SessionData], looks: Sequence[int], family: Iterable[PairSum]
) -> dict[PairSum, Judgement]:
    series = {session.record.session: round_times_us(session.record, LADDER_METRIC) for session in sessions}
    failed = count_failures(session.record for session in sessions)
    return judge_family(
        {pair_sum: sum_values(series, pair_sum, LADDER_METRIC) for pair_sum in family},
        experiment.design.equivalence_percent,
        error_rate_of(looks),
        excuse=lambda pair_sum: failure_reason(pair_sum.arms, failed),
    )


def ladder_structures(experiment: Experiment) -> list[LadderStructure]:
    """Return a structure for each combination of the other settings and each leg; none without a ladder."""
    if not is_ladder(experiment.design):
        return []
    groups = _groups([arm for arm in experiment.arms if arm.control_of is None])
    levels = [where for where, _ in groups]
    varying = [key for key in dict.fromkeys(key for where in levels for key in where) if _varies(key, levels)]
    candidates = (
        _structure(arms, dict(experiment.pairs), {key: where[key] for key in varying if key in where})
        for where, arms in groups
    )
    return [structure for structure in candidates if structure]


def _groups(arms: Sequence[Arm]) -> list[tuple[LadderSettings, list[Arm]]]:
    """Return (settings, arms that differ in rungs only). Arms on the host's network belong to each leg."""
    groups: dict[tuple[tuple[str, str], ...], list[Arm]] = {}
    for arm in arms:
        groups.setdefault(tuple(_settings_besides_rungs(arm).items()), []).append(arm)
    return [
        (dict(key) | {"network_leg": leg}, [arm for arm in group if _belongs_to_leg(leg, arm)])
        for key, group in groups.items()
        for leg in _legs(group)
    ]


def _settings_besides_rungs(arm: Arm) -> dict[str, str]:
    return {key: level for key, level in setting_levels(arm.settings).items() if key not in RungSettings.model_fields}


def _legs(arms: Sequence[Arm]) -> list[str]:
    return list(dict.fromkeys(arm.settings.network_leg for arm in arms if arm.settings.network != HOST_NETWORK)) or [
        "hop"
    ]


def _belongs_to_leg(leg: str, arm: Arm) -> bool:
    return arm.settings.network == HOST_NETWORK or arm.settings.network_leg == leg


def _varies(key: str, levels: Sequence[LadderSettings]) -> bool:
    return key != "transport" and len({where.get(key) for where in levels}) > 1


def _structure(arms: Sequence[Arm], against: Mapping[str, str], where: LadderSettings) -> LadderStructure | None:
    """Return the structure; None without an arm at the bottom, or without any above it."""
    bottom = next((arm for arm in arms if arm.settings.network == HOST_NETWORK and not arm.settings.sandbox), None)
    higher = [arm for arm in arms if arm.name in against]
    if bottom is None or not higher:
        return None
    wholes = [_rung_bundle(arm, arms, against) for arm in higher if len(arm.settings.sandbox) > 1]
    parts = {pair for whole in wholes for pair in whole.parts}
    pairs = {arm.name: (arm.name, against[arm.name]) for arm in higher}
    network = [pairs[arm.name] for arm in higher if not arm.settings.sandbox]
    network.sort(key=lambda pair: len(_arms_down(pair[0], against)))
    return LadderStructure(
        transport=bottom.settings.transport,
        where=where,
        bottom=bottom.name,
        network=tuple(network),
        sandbox=tuple(
            pairs[arm.name]
            for arm in higher
            if len(arm.settings.sandbox) == 1 or (arm.settings.sandbox and pairs[arm.name] in parts)
        ),
        wholes=tuple(whole for whole in wholes if whole.pair not in parts),
        top=_top([whole.bare for whole in wholes], network, bottom.name),
    )


def _top(bare: Sequence[str], network: Sequence[ArmPair], bottom: str) -> ArmPair | None:
    far = [arm for arm, lower in network if lower != bottom]
    return next(((arm, bottom) for arm in [*bare, *reversed(far)] if arm in far), None)


def _rung_bundle(arm: Arm, arms: Sequence[Arm], against: Mapping[str, str]) -> RungBundle:
    """Return the arm with its parts: the network steps, then the sandbox rung by rung, or else all at once."""
    network, sandbox = arm.settings.network, arm.settings.sandbox
    bare = [other.name for other in arms if other.settings.network == network and not other.settings.sandbox]
    alone = {other.settings.sandbox[0]: other.name for other in reversed(arms) if len(other.settings.sandbox) == 1}
    under = [alone[rung] for rung in sandbox if rung in alone]
    missing = [rung for rung in sandbox if rung not in alone]
    if missing:
        under = [other.name for other in arms if other is not arm and _is_bundle(other, sandbox)][:1]
    missing = [*([] if bare else [network]), *([] if under else missing)]
    names = [] if missing else [*reversed(_arms_down(bare[0], against)), *under]
    parts = tuple((name, against[name]) for name in names)
    return RungBundle((arm.name, against[arm.name]), bare[0] if bare else "", parts, tuple(missing))


def _is_bundle(arm: Arm, sandbox: Sequence[str]) -> bool:
    return arm.settings.network == HOST_NETWORK and set(arm.settings.sandbox) == set(sandbox)


def _arms_down(name: str, against: Mapping[str, str]) -> list[str]:
    """Return the arms from `name` down, without the bottom."""
    return [name, *_arms_down(against[name], against)] if name in against else []


def sum_values(sessions: Mapping[int, Mapping[str, Series]], pair_sum: PairSum, metric: str) -> SessionValues:
    """Return the sum for each session that has every pair; `sessions` are results of `round_times_us`, by number.

    Each step is the typical round of its session, so the rows of the report's table add up to its sum.
    """
    signs = np.array([1.0] * len(pair_sum.plus) + [-1.0] * len(pair_sum.minus))
    by_pair = [pair_by_session(sessions, pair, metric) for pair in (*pair_sum.plus, *pair_sum.minus)]
    complete = [number for number in sessions if all(number in values_by_session for values_by_session in by_pair)]
    values = np.array(
        [signs @ np.array([values_by_session[number] for values_by_session in by_pair]) for number in complete]
    ).reshape(-1, 2)
    return SessionValues(log_ratio=values[:, 0], difference_us=values[:, 1])
