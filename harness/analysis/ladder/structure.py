"""The structure of each ladder: its steps, and the arms that have several rungs at once."""

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
    """An arm with several rungs at once: the pair with the bottom, and the pairs whose sum it is compared with.

    `bare` is the arm on the same network without a sandbox, or "". `missing` are rungs that no arm has by itself; then
    there are no parts.
    """

    pair: Pair
    bare: str
    parts: tuple[Pair, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Structure:
    """The pairs of one ladder: `network` steps from the bottom up, `sandbox` steps, and the arms with several rungs.

    `top` compares the network rung of such an arm, or the highest one, with the bottom, if there are several steps.
    """

    transport: str
    where: Levels
    bottom: str
    network: tuple[Pair, ...]
    sandbox: tuple[Pair, ...]
    wholes: tuple[Whole, ...]
    top: Pair | None


def structures(experiment: Experiment) -> list[Structure]:
    """Return a structure for each combination of the other settings and each leg; none without a ladder."""
    if not climbs(experiment.design):
        return []
    groups = _groups([arm for arm in experiment.arms if arm.control_of is None])
    levels = [where for where, _ in groups]
    varying = [key for key in dict.fromkeys(key for where in levels for key in where) if _varies(key, levels)]
    candidates = (
        _structure(arms, dict(experiment.pairs), {key: where[key] for key in varying if key in where})
        for where, arms in groups
    )
    return [structure for structure in candidates if structure]


def _groups(arms: Sequence[Arm]) -> list[tuple[Levels, list[Arm]]]:
    """Return (settings, arms that differ in rungs only). Arms on the host's network belong to each leg."""
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
    """Return the structure; None without an arm at the bottom, or without any above it."""
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
    """Return the arm with its parts: the network steps, then the sandbox rung by rung, or else all at once."""
    network, sandbox = arm.settings.network, arm.settings.sandbox
    bare = [other.name for other in arms if other.settings.network == network and not other.settings.sandbox]
    alone = {other.settings.sandbox[0]: other.name for other in reversed(arms) if len(other.settings.sandbox) == 1}
    under = [alone[rung] for rung in sandbox if rung in alone]
    missing = [rung for rung in sandbox if rung not in alone]
    if missing:
        under = [other.name for other in arms if other is not arm and _is_bundle(other, sandbox)][:1]
    missing = [*([] if bare else [network]), *([] if under else missing)]
    names = [] if missing else [*reversed(_chain(bare[0], against)), *under]
    parts = tuple((name, against[name]) for name in names)
    return Whole((arm.name, against[arm.name]), bare[0] if bare else "", parts, tuple(missing))


def _is_bundle(arm: Arm, sandbox: Sequence[str]) -> bool:
    return arm.settings.network == HOST and set(arm.settings.sandbox) == set(sandbox)


def _chain(name: str, against: Mapping[str, str]) -> list[str]:
    """Return the arms from `name` down, without the bottom."""
    return [name, *_chain(against[name], against)] if name in against else []
