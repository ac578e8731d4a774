"""The ladder: what each rung adds to the one below, and whether the steps add up."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.analysis.contrasts.engine import (
    Contrast,
    JudgedContrast,
    RunEvidence,
    difference,
    interval_of,
    judge_contrasts,
    pair_contrast,
    pair_terms,
)
from harness.analysis.contrasts.factorial import setting_levels
from harness.analysis.statistics.series import ArmPair
from harness.experiment.cost import is_capacity_search
from harness.experiment.pairs import is_ladder
from harness.experiment.transports import HOST_NETWORK
from harness.model import (
    SERVER_ROLES,
    Arm,
    CombinedRungs,
    Experiment,
    Interval,
    Ladder,
    LadderStep,
    NonAdditivity,
    RungEffect,
    Settings,
    VisitRow,
)
from harness.model.metrics import Quantity
from harness.model.settings import RungSettings, varying_keys

LINK_PACKETS = "net.link_packets"
LADDER_METRIC = "latency"


def _cpu_us(visit: VisitRow) -> float | None:
    """Return the CPU time of the servers, including a relay that counts as one of them."""
    return sum(visit.cpu_us.get(role, 0.0) for role in SERVER_ROLES) if visit.cpu_us else None


def _link_packets(visit: VisitRow) -> float | None:
    """Return the packets over links, 0 without links; None if the network was not read."""
    return visit.counters.get(LINK_PACKETS, 0.0) if "net.segments_out" in visit.counters else None


def _sum_of(*names: str) -> Callable[[VisitRow], float | None]:
    """Return the sum of counters if all of them were read."""
    return lambda visit: sum(visit.counters[name] for name in names) if {*names} <= visit.counters.keys() else None


STEP_QUANTITIES = {
    "cpu_us": Quantity("step cpu_us", _cpu_us, "trimmed"),
    "waiting_us": Quantity("step waiting_us", _sum_of(*(f"{role}.wait_us" for role in SERVER_ROLES)), "trimmed"),
    "switches": Quantity("step switches", _sum_of(*(f"{role}.voluntary" for role in SERVER_ROLES)), "mean"),
    "segments": Quantity("step segments", _sum_of("net.segments_out"), "mean"),
    "lo_packets": Quantity("step lo_packets", _sum_of("net.lo_packets"), "mean"),
    "link_packets": Quantity("step link_packets", _link_packets, "mean"),
    "softirqs": Quantity("step softirqs", _sum_of("host.net_rx"), "mean"),
}

LadderSettings = Mapping[str, str]


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


JudgedSums = Mapping[Hashable, JudgedContrast]  # by the pair of a top, the parts of a sum, or both for its excess


def judge_sums(evidence: RunEvidence) -> JudgedSums:
    """Return tops, sums of steps, and excesses over the sums; each kind is a family under Holm's correction."""
    structures = ladder_structures(evidence.experiment)
    wholes = [whole for structure in structures for whole in structure.wholes if whole.parts]
    families: list[dict[Hashable, Contrast]] = [
        {
            structure.top: pair_contrast(structure.top, LADDER_METRIC, "ladder top")
            for structure in structures
            if structure.top
        },
        {whole.parts: _sum_contrast(whole) for whole in wholes},
        {(whole.pair, whole.parts): _excess_contrast(whole) for whole in wholes},
    ]
    return {
        key: judged
        for family in families
        for key, judged in zip(family, judge_contrasts(evidence, family.values()), strict=True)
    }


def _sum_contrast(whole: RungBundle) -> Contrast:
    """Return the sum of the steps: each is the typical round of its session, so the rows of a table add up to it."""
    terms = tuple(term for part in whole.parts for term in pair_terms(part, LADDER_METRIC))
    return Contrast("sum of steps", *whole.pair, LADDER_METRIC, terms, label=f"sum of the steps to {whole.pair[0]}")


def _excess_contrast(whole: RungBundle) -> Contrast:
    steps = tuple(term for part in whole.parts for term in pair_terms(part, LADDER_METRIC, -1.0))
    terms = (*pair_terms(whole.pair, LADDER_METRIC), *steps)
    label = f"{whole.pair[0]} beyond the sum of its steps"
    return Contrast("beyond the sum", *whole.pair, LADDER_METRIC, terms, "additivity", label)


def ladders(evidence: RunEvidence, pairs: Sequence[JudgedContrast], sums: JudgedSums) -> tuple[Ladder, ...]:
    """Return the ladders; none for a search for capacities, whose steps are no times. Steps are among the `pairs`."""
    compared = {
        (pair.contrast.arm, pair.contrast.against): pair for pair in pairs if pair.contrast.metric == LADDER_METRIC
    }
    return tuple(_ladder(evidence, structure, compared, sums) for structure in ladder_structures(evidence.experiment))


def _ladder(
    evidence: RunEvidence,
    structure: LadderStructure,
    compared: Mapping[ArmPair, JudgedContrast],
    sums: JudgedSums,
) -> Ladder:
    kinds: tuple[tuple[Literal["network", "sandbox"], tuple[ArmPair, ...]], ...] = (
        ("network", structure.network),
        ("sandbox", structure.sandbox),
    )
    return Ladder(
        transport=structure.transport,
        where=dict(structure.where),
        bottom=structure.bottom,
        steps=tuple(
            LadderStep.model_validate(
                _rung_fields(evidence, compared[pair]) | {"kind": kind, "backing": _step_counters(evidence, pair)}
            )
            for kind, pairs in kinds
            for pair in pairs
        ),
        top=_rung_effect(evidence, sums[structure.top]) if structure.top else None,
        together=tuple(_combined_rungs(evidence, whole, compared, sums) for whole in structure.wholes),
    )


def _step_counters(evidence: RunEvidence, pair: ArmPair) -> dict[str, Interval]:
    """Return the differences by name, in the order of the report, without those that were not counted."""
    intervals = {
        name: interval_of(evidence.series, difference(pair, quantity)) for name, quantity in STEP_QUANTITIES.items()
    }
    return {name: interval for name, interval in intervals.items() if interval}


def _rung_fields(evidence: RunEvidence, judged: JudgedContrast) -> dict[str, object]:
    pair = (judged.contrast.arm, judged.contrast.against)
    return judged.fields | {"rungs": _rungs(evidence.experiment, pair)}


def _rung_effect(evidence: RunEvidence, judged: JudgedContrast) -> RungEffect:
    return RungEffect.model_validate(_rung_fields(evidence, judged))


def _combined_rungs(
    evidence: RunEvidence, whole: RungBundle, compared: Mapping[ArmPair, JudgedContrast], sums: JudgedSums
) -> CombinedRungs:
    measured = _rung_effect(evidence, compared[whole.pair])
    if not whole.parts:
        return CombinedRungs(measured=measured, missing=whole.missing)
    return CombinedRungs(
        measured=measured,
        parts=tuple(arm for arm, _ in whole.parts),
        sum=_rung_effect(evidence, sums[whole.parts]),
        beyond=NonAdditivity.model_validate(sums[whole.pair, whole.parts].fields),
    )


def _rungs(experiment: Experiment, pair: ArmPair) -> tuple[str, ...]:
    """Return the rungs that the higher arm has and the lower has not."""
    higher, lower = (_all_rungs(experiment.arm(name).settings) for name in pair)
    return tuple(rung for rung in higher if rung not in lower)


def _all_rungs(settings: Settings) -> list[str]:
    return [*([] if settings.network == HOST_NETWORK else [settings.network]), *settings.sandbox]


def ladder_structures(experiment: Experiment) -> list[LadderStructure]:
    """Return a structure for each combination of the other settings and each leg; none without a ladder."""
    if not is_ladder(experiment.design) or is_capacity_search(experiment):
        return []
    groups = _groups([arm for arm in experiment.arms if arm.control_of is None])
    varying = [key for key in varying_keys([where for where, _ in groups]) if key != "transport"]
    candidates = (
        _structure(arms, dict(experiment.pairs), {key: where[key] for key in varying if key in where})
        for where, arms in groups
    )
    return [structure for structure in candidates if structure]


def _groups(arms: Sequence[Arm]) -> list[tuple[LadderSettings, list[Arm]]]:
    """Return (settings, arms that differ in rungs only). Arms on the host's network belong to each leg."""
    groups: dict[tuple[tuple[str, str], ...], list[Arm]] = {}
    for arm in arms:
        levels = setting_levels(arm.settings).items()
        besides_rungs = tuple((key, level) for key, level in levels if key not in RungSettings.model_fields)
        groups.setdefault(besides_rungs, []).append(arm)
    return [
        (
            dict(key) | {"network_leg": leg},
            [arm for arm in group if arm.settings.network_leg == leg or _is_on_host(arm)],
        )
        for key, group in groups.items()
        for leg in dict.fromkeys(arm.settings.network_leg for arm in group if not _is_on_host(arm)) or ("hop",)
    ]


def _is_on_host(arm: Arm) -> bool:
    return arm.settings.network == HOST_NETWORK


def _structure(arms: Sequence[Arm], against: Mapping[str, str], where: LadderSettings) -> LadderStructure | None:
    """Return the structure; None without an arm at the bottom, or without any above it."""
    bottom = next((arm for arm in arms if _is_on_host(arm) and not arm.settings.sandbox), None)
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
        same = [other for other in arms if other is not arm and set(other.settings.sandbox) == set(sandbox)]
        under = [other.name for other in same if _is_on_host(other)][:1]
    missing = [*([] if bare else [network]), *([] if under else missing)]
    names = [] if missing else [*reversed(_arms_down(bare[0], against)), *under]
    parts = tuple((name, against[name]) for name in names)
    return RungBundle((arm.name, against[arm.name]), bare[0] if bare else "", parts, tuple(missing))


def _arms_down(name: str, against: Mapping[str, str]) -> list[str]:
    """Return the arms from `name` down, without the bottom."""
    return [name, *_arms_down(against[name], against)] if name in against else []
