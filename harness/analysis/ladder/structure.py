"""The structure of an experiment that climbs: the steps of each ladder, and which of them make up a whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.analysis.effects import Pair
from harness.analysis.factors.corners import levels_of
from harness.experiment.ladder import HOST, climbs
from harness.model import Arm, Experiment

OF_RUNGS = ("network", "network_leg", "sandbox")

Levels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Whole:
    """Several rungs at once: the pair with the bottom, and the pairs whose sum it is held against.

    `bare` is the arm on its network under no sandbox, or "". `missing` are rungs that no arm stands on by itself; then
    there are no parts.
    """

    pair: Pair
    bare: str
    parts: tuple[Pair, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Structure:
    """The pairs of one ladder: `network` steps from the bottom up, `sandbox` steps beside them, and the wholes.

    `top` are the network rung of a whole, or the highest, and the bottom, where more than one step lies between.
    """

    transport: str
    where: Levels
    bottom: str
    network: tuple[Pair, ...]
    sandbox: tuple[Pair, ...]
    wholes: tuple[Whole, ...]
    top: Pair | None


def structures(experiment: Experiment) -> list[Structure]:
    """One for each combination of the settings that are no rungs, and each leg; none where nothing climbs."""
    if not climbs(experiment.design):
        return []
    groups = _groups([arm for arm in experiment.arms if arm.control_of is None])
    levels = [where for where, _ in groups]
    varying = [key for key in dict.fromkeys(key for where in levels for key in where) if _varies(key, levels)]
    found = (
        _structure(arms, dict(experiment.pairs), {key: where[key] for key in varying if key in where})
        for where, arms in groups
    )
    return [structure for structure in found if structure]


def _groups(arms: Sequence[Arm]) -> list[tuple[Levels, list[Arm]]]:
    """(settings, arms): those that differ in rungs only. What is on the host's network belongs to each leg."""
    groups: dict[tuple[tuple[str, str], ...], list[Arm]] = {}
    for arm in arms:
        groups.setdefault(tuple(_beside_rungs(arm).items()), []).append(arm)
    return [
        (dict(key) | {"network_leg": leg}, [arm for arm in group if _is_on(leg, arm)])
        for key, group in groups.items()
        for leg in _legs(group)
    ]


def _beside_rungs(arm: Arm) -> dict[str, str]:
    return {key: level for key, level in levels_of(arm.settings).items() if key not in OF_RUNGS}


def _legs(arms: Sequence[Arm]) -> list[str]:
    return list(dict.fromkeys(arm.settings.network_leg for arm in arms if arm.settings.network != HOST)) or ["hop"]


def _is_on(leg: str, arm: Arm) -> bool:
    return arm.settings.network == HOST or arm.settings.network_leg == leg


def _varies(key: str, levels: Sequence[Levels]) -> bool:
    return key != "transport" and len({where.get(key) for where in levels}) > 1


def _structure(arms: Sequence[Arm], against: Mapping[str, str], where: Levels) -> Structure | None:
    """None without an arm at the bottom, or any above it."""
    bottom = next((arm for arm in arms if arm.settings.network == HOST and not arm.settings.sandbox), None)
    higher = [arm for arm in arms if arm.name in against]
    if bottom is None or not higher:
        return None
    wholes = [_whole(arm, arms, against) for arm in higher if len(arm.settings.sandbox) > 1]
    parts = {pair for whole in wholes for pair in whole.parts}
    pairs = {arm.name: (arm.name, against[arm.name]) for arm in higher}
    network = [pairs[arm.name] for arm in higher if not arm.settings.sandbox]
    network.sort(key=lambda pair: len(_chain(pair[0], against)))
    return Structure(
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


def _top(bare: Sequence[str], network: Sequence[Pair], bottom: str) -> Pair | None:
    far = [arm for arm, lower in network if lower != bottom]
    return next(((arm, bottom) for arm in [*bare, *reversed(far)] if arm in far), None)


def _whole(arm: Arm, arms: Sequence[Arm], against: Mapping[str, str]) -> Whole:
    """Its network's steps, then its sandbox: rung by rung, or where that is not there, all of it by itself."""
    network, sandbox = arm.settings.network, arm.settings.sandbox
    bare = [one.name for one in arms if one.settings.network == network and not one.settings.sandbox]
    alone = {one.settings.sandbox[0]: one.name for one in reversed(arms) if len(one.settings.sandbox) == 1}
    under = [alone[rung] for rung in sandbox if rung in alone]
    missing = [rung for rung in sandbox if rung not in alone]
    if missing:
        under = [one.name for one in arms if one is not arm and _is_bundle(one, sandbox)][:1]
    missing = [*([] if bare else [network]), *([] if under else missing)]
    names = [] if missing else [*reversed(_chain(bare[0], against)), *under]
    parts = tuple((name, against[name]) for name in names)
    return Whole((arm.name, against[arm.name]), bare[0] if bare else "", parts, tuple(missing))


def _is_bundle(arm: Arm, sandbox: Sequence[str]) -> bool:
    return arm.settings.network == HOST and set(arm.settings.sandbox) == set(sandbox)


def _chain(name: str, against: Mapping[str, str]) -> list[str]:
    """The arms from `name` down, but for the bottom."""
    return [name, *_chain(against[name], against)] if name in against else []
