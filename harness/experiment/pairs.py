"""The pairs of arms that are compared, their estimator, and why a pair is not possible."""

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from harness.experiment.arms import CONTROL, level_name, merge_settings
from harness.experiment.cost import is_capacity_search
from harness.experiment.document import is_setting, level_problems, setting_table
from harness.experiment.problems import ConfigProblem, did_you_mean, to_toml
from harness.experiment.transports import HOST_NETWORK, rungs_below
from harness.model import Arm, Design, Experiment, Settings
from harness.model.experiment import EstimatorName
from harness.model.metrics import CURRENT_ESTIMATOR, OLDEST_ESTIMATOR

ArmAndReference = tuple[str, str]
BELOW = "below"  # as design.against
AGAINST_PATH = ("design", "against")
SettingLevel = dict[str, Any]  # one setting and its value


def without_arms(experiment: Experiment, reasons: Mapping[str, str]) -> Experiment:
    """Return the experiment without the arms of `reasons`, which `left_out` then holds, except the control's.

    An arm whose reference is removed is compared with the reference of that reference.
    """
    arms = [arm for arm in experiment.arms if arm.name not in reasons]
    pairs = list(_remaining_pairs(experiment, reasons))
    if experiment.design.control and pairs and all(arm.control_of is None for arm in arms):
        arms, pairs = with_control(arms, pairs)
    left_out = {
        arm.name: reasons[arm.name] for arm in experiment.arms if arm.name in reasons and arm.control_of is None
    }
    return experiment.model_copy(update={"arms": tuple(arms), "pairs": tuple(pairs), "left_out": left_out})


def _remaining_pairs(experiment: Experiment, reasons: Mapping[str, str]) -> Iterator[ArmAndReference]:
    against = dict(experiment.pairs)
    for arm, reference in experiment.pairs:
        if arm in reasons:
            continue
        while reference in reasons and reference in against:
            reference = against[reference]
        if reference not in reasons:
            yield arm, reference


def against_problems(arms: Sequence[Arm], design: Design) -> Iterator[ConfigProblem]:
    """Yield why `design.against` is neither one of these arms, nor the rung below, nor a level of a setting."""
    against, names = design.against, [arm.name for arm in arms]
    if is_ladder(design):
        if BELOW in names:
            yield ConfigProblem(AGAINST_PATH, BELOW, "this means the rung below each arm. Rename the arm of that name.")
        return
    if isinstance(against, str):
        if against and names and against not in names:
            levels = [*map(str, _level_hints(against, arms))]
            text = " ".join(levels) or did_you_mean(against, names).strip()
            yield ConfigProblem(AGAINST_PATH, against, f"there is no such arm. {text}")
        return
    if len(against) != 1:
        yield ConfigProblem(
            AGAINST_PATH, against, 'give exactly one setting and its level, like { transport = "tcp" }.'
        )
        return
    key, level = next(iter(against.items()))
    if is_setting(key):
        yield from level_problems(key, level, (*AGAINST_PATH, key))
    else:
        yield ConfigProblem(
            (*AGAINST_PATH, key), level, f"there is no such setting.{did_you_mean(key, Settings.model_fields)}"
        )


def _level_hints(word: str, arms: Sequence[Arm]) -> Iterator[str]:
    """Yield a hint for each setting that differs between arms and has a level called `word`."""
    for key in Settings.model_fields:
        levels = {level_name(level): level for arm in arms if (level := getattr(arm.settings, key)) is not None}
        if word in levels and len(levels) > 1:
            yield f"To compare with the arms with that {key}, write against = {to_toml({key: levels[word]})}."


def pair_problems(names: Sequence[str], design: Design) -> Iterator[ConfigProblem]:
    """Yield why `design.pairs` are not pairs of these arms."""
    if design.pairs and design.against:
        text = "excludes design.pairs, which also defines what is compared. Keep one of them."
        yield ConfigProblem(AGAINST_PATH, design.against, text)
    for number, pair in enumerate(design.pairs):
        place = ("design", "pairs", number)
        if len(pair) != 2 or pair[0] == pair[1] or pair in design.pairs[:number]:
            yield ConfigProblem(place, pair, "write two different arms, [arm, reference], and each pair once.")
            continue
        for name in pair:
            if name not in names:
                yield ConfigProblem(place, pair, f"there is no arm {name!r}.{did_you_mean(name, names)}")
    yield from _circle_problems(design)


def _circle_problems(design: Design) -> Iterator[ConfigProblem]:
    """Yield a problem if references lead back to an arm, so that nothing is the last reference."""
    graph = TopologicalSorter[str]()
    for pair in design.pairs:
        if len(set(pair)) > 1:
            graph.add(*pair)
    try:
        graph.prepare()
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        text = f"the references form a circle: {circle}. Turn one of these pairs round, or leave it out."
        yield ConfigProblem(("design", "pairs"), list(design.pairs), text)


def counterpart_problems(arms: Sequence[Arm], design: Design) -> Iterator[ConfigProblem]:
    """Yield a problem for each arm without a reference, if `design.against` is a level or the rung below."""
    against = design.against
    yield from ladder_problems(arms, design)
    if isinstance(against, str):
        return
    key = next(iter(against))
    having = [arm for arm in arms if _has_level(arm, against)]
    if not having:
        levels = ", ".join(dict.fromkeys(to_toml(arm.settings.flatten().get(key)) for arm in arms))
        yield ConfigProblem(AGAINST_PATH, against, f"no arm has this level. The arms have: {levels}.")
    elif len(having) == len(arms):
        yield ConfigProblem(
            AGAINST_PATH, against, "all arms have this level. Name a setting in which they differ, or an arm."
        )
    else:
        for arm in arms:
            if _counterpart(arm, arms, against) is None:
                text = f"no arm with this level has all other settings of {arm.name!r}. Add it, or name an arm."
                yield ConfigProblem(AGAINST_PATH, against, text)


def pairs_of(arms: Sequence[Arm], design: Design) -> list[ArmAndReference]:
    """Return (arm, reference) for each comparison, from `design.pairs` or in the order of the arms."""
    if design.pairs:
        return [(pair[0], pair[1]) for pair in design.pairs]
    against = design.against
    if is_ladder(design):
        return [(arm.name, lower.name) for arm in arms if (lower := lower_arm(arm, arms))]
    if isinstance(against, str):
        reference = against or arms[0].name
        return [(arm.name, reference) for arm in arms if arm.name != reference]
    counterparts = ((arm, _counterpart(arm, arms, against)) for arm in arms if not _has_level(arm, against))
    return [(arm.name, other.name) for arm, other in counterparts if other]


def with_control(arms: Sequence[Arm], pairs: Sequence[ArmAndReference]) -> tuple[list[Arm], list[ArmAndReference]]:
    """Return arms and pairs with the control: a copy of the reference of the first comparison."""
    reference = next(arm for arm in arms if arm.name == pairs[0][1])
    control = Arm(name=CONTROL, settings=reference.settings, control_of=reference.name)
    return [*arms, control], [(control.name, reference.name), *pairs]


def _counterpart(arm: Arm, arms: Sequence[Arm], against: SettingLevel) -> Arm | None:
    """Return the arm that has the level and otherwise the settings of `arm`."""
    wanted = _with_level(arm, against)
    return next((other for other in arms if other.settings == wanted), None)


def _has_level(arm: Arm, against: SettingLevel) -> bool:
    return arm.settings == _with_level(arm, against)


def _with_level(arm: Arm, against: SettingLevel) -> Settings:
    return merge_settings([arm.settings.model_dump(), *(setting_table(key, level) for key, level in against.items())])


def is_ladder(design: Design) -> bool:
    """Return whether each arm is compared with the one a rung below."""
    return design.against == BELOW


def has_rung(settings: Settings) -> bool:
    """Return whether the settings include a rung above the host's network."""
    return settings.network != HOST_NETWORK or bool(settings.sandbox)


def lower_arm(arm: Arm, arms: Sequence[Arm]) -> Arm | None:
    """Return the arm that `arm` is compared with; None at the bottom, or if all other arms differ in more than rungs.

    A network rung is compared with the nearest rung below it; one sandbox rung with the same network without it;
    several sandbox rungs, which are compared with the sum of their parts, with the bottom.
    """
    settings, networks = arm.settings, rungs_below(arm.settings.network)
    if settings.sandbox:
        networks = [HOST_NETWORK if len(settings.sandbox) > 1 else settings.network]
    bare = [
        (other, _on_network(other.settings, other.settings.network)) for other in arms if not other.settings.sandbox
    ]
    lower = [_on_network(settings, network) for network in networks]
    return next((other for wanted in lower for other, its_settings in bare if its_settings == wanted), None)


def ladder_problems(arms: Sequence[Arm], design: Design) -> Iterator[ConfigProblem]:
    """Yield a problem for each arm on a rung without an arm below it."""
    if not is_ladder(design):
        return
    if not any(has_rung(arm.settings) for arm in arms):
        text = 'no arm is on a rung. Give arms a network or a sandbox, like network = "veth", or name an arm.'
        yield ConfigProblem(AGAINST_PATH, BELOW, text)
    for arm in arms:
        if has_rung(arm.settings) and lower_arm(arm, arms) is None:
            yield ConfigProblem(AGAINST_PATH, BELOW, _missing_lower_arm(arm))


def _on_network(settings: Settings, network: str) -> Settings:
    """Return `settings` on another network without a sandbox; the leg is the default on the host's network."""
    leg = settings.network_leg if network != HOST_NETWORK else "hop"
    return settings.model_copy(update={"network": network, "network_leg": leg, "sandbox": ()})


def _missing_lower_arm(arm: Arm) -> str:
    settings = arm.settings
    network = settings.network if len(settings.sandbox) == 1 else HOST_NETWORK
    without = " and no sandbox" if settings.sandbox else ""
    return (
        f"there is no rung below {arm.name!r}: no arm with network = {to_toml(network)}{without} has the same other "
        "settings. Add it, or name an arm."
    )


def estimator_of(experiment: Experiment) -> EstimatorName:
    """Return the name of the estimator: of means where load tools are compared, some of which give no single times."""
    tools = {arm.settings.tool for arm in experiment.arms}
    return OLDEST_ESTIMATOR if is_capacity_search(experiment) or len(tools) > 1 else CURRENT_ESTIMATOR.name
