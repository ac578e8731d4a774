"""The ladder: which rungs there are, in their order, and which arm stands a rung lower than another."""

from collections.abc import Iterator, Sequence

from harness import plugins
from harness.experiment.wording import Problem, did_you_mean, shown
from harness.model import Arm, Design, NetworkRung, Settings

NETWORKS = "harness.lab.rungs.network"
SANDBOXES = "harness.lab.rungs.sandbox"
HOST = "host"  # the lowest network rung
BELOW = "below"  # as design.against
AGAINST = ("design", "against")


def networks() -> list[str]:
    """From the bottom up; of two that stand on the same rung, the one that comes first in the alphabet."""
    return sorted(plugins.names(NETWORKS), key=lambda rung: (len(_lower(rung)), rung))


def sandboxes() -> list[str]:
    return plugins.names(SANDBOXES)


def rung_names(settings: Settings) -> Iterator[tuple[str, str]]:
    """Why rungs cannot be had by these names: (setting, sentence)."""
    if settings.network not in networks():
        yield "network", f"there is no such rung.{did_you_mean(settings.network, networks())}"
    for name in dict.fromkeys(settings.sandbox):
        if name not in sandboxes():
            yield "sandbox", f"there is no such rung as {shown(name)}.{did_you_mean(name, sandboxes())}"
        elif settings.sandbox.count(name) > 1:
            yield "sandbox", f"{shown(name)} stands there more than once. Once is enough."


def climbs(design: Design) -> bool:
    """Whether each arm is compared with the one a rung lower."""
    return design.against == BELOW


def stands_on_a_rung(settings: Settings) -> bool:
    return settings.network != HOST or bool(settings.sandbox)


def lower_arm(arm: Arm, arms: Sequence[Arm]) -> Arm | None:
    """What `arm` is compared with; None at the bottom, and where there is none like it in everything else.

    On a network rung that is the nearest rung below among the arms; under one sandbox rung, the same network without
    it; under several, which are the whole that is held against its parts, the bottom.
    """
    settings = arm.settings
    if not settings.sandbox:
        return _first(arms, [_at(settings, rung) for rung in _lower(settings.network)])
    return _first(arms, [_at(settings, HOST if len(settings.sandbox) > 1 else settings.network)])


def ladder_problems(arms: Sequence[Arm], design: Design) -> Iterator[Problem]:
    """Why arms cannot be compared with those a rung lower."""
    if not climbs(design):
        return
    if not any(stands_on_a_rung(arm.settings) for arm in arms):
        text = 'no arm stands on a rung. Give arms a network or a sandbox, like network = "veth", or name an arm.'
        yield Problem(AGAINST, BELOW, text)
    for arm in arms:
        if stands_on_a_rung(arm.settings) and lower_arm(arm, arms) is None:
            yield Problem(AGAINST, BELOW, _nothing_below(arm))


def _lower(network: str) -> list[str]:
    """The rungs below `network`, the nearest first."""
    below = plugins.load(NETWORKS, network, NetworkRung).below
    return [below, *_lower(below)] if below else []


def _at(settings: Settings, network: str) -> Settings:
    """The same on another network, and under nothing. On the host's network there is no leg to choose."""
    leg = settings.network_leg if network != HOST else "hop"
    return settings.model_copy(update={"network": network, "network_leg": leg, "sandbox": ()})


def _first(arms: Sequence[Arm], wanted: Sequence[Settings]) -> Arm | None:
    """The first of `wanted` that any arm has."""
    free = [arm for arm in arms if not arm.settings.sandbox]
    return next((arm for one in wanted for arm in free if _at(arm.settings, arm.settings.network) == one), None)


def _nothing_below(arm: Arm) -> str:
    settings = arm.settings
    network = settings.network if len(settings.sandbox) == 1 else HOST
    without = " and no sandbox" if settings.sandbox else ""
    return (
        f"nothing stands below {arm.name!r}: no arm with network = {shown(network)}{without} is like it in everything "
        "else. Add it, or name an arm."
    )
