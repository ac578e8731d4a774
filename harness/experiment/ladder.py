"""Order the rungs of the ladder, and find the arm one rung below another."""

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
    """Return the network rungs from the bottom up; alphabetically on the same level."""
    return sorted(plugins.names(NETWORKS), key=lambda rung: (len(_lower(rung)), rung))


def sandboxes() -> list[str]:
    """Return the sandbox rungs."""
    return plugins.names(SANDBOXES)


def rung_names(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield (setting, end of a sentence) for each unknown or repeated rung."""
    if settings.network not in networks():
        yield "network", f"there is no such rung.{did_you_mean(settings.network, networks())}"
    for name in dict.fromkeys(settings.sandbox):
        if name not in sandboxes():
            yield "sandbox", f"there is no such rung as {shown(name)}.{did_you_mean(name, sandboxes())}"
        elif settings.sandbox.count(name) > 1:
            yield "sandbox", f"{shown(name)} is listed more than once. Once is enough."


def climbs(design: Design) -> bool:
    """Return whether each arm is compared with the one a rung below."""
    return design.against == BELOW


def stands_on_a_rung(settings: Settings) -> bool:
    """Return whether the settings include a rung above the host's network."""
    return settings.network != HOST or bool(settings.sandbox)


def lower_arm(arm: Arm, arms: Sequence[Arm]) -> Arm | None:
    """Return the arm that `arm` is compared with; None at the bottom, or if all other arms differ in more than rungs.

    A network rung is compared with the nearest rung below it; one sandbox rung with the same network without it;
    several sandbox rungs, which are compared with the sum of their parts, with the bottom.
    """
    settings = arm.settings
    if not settings.sandbox:
        return _first(arms, [_at(settings, rung) for rung in _lower(settings.network)])
    return _first(arms, [_at(settings, HOST if len(settings.sandbox) > 1 else settings.network)])


def ladder_problems(arms: Sequence[Arm], design: Design) -> Iterator[Problem]:
    """Yield a problem for each arm on a rung without an arm below it."""
    if not climbs(design):
        return
    if not any(stands_on_a_rung(arm.settings) for arm in arms):
        text = 'no arm is on a rung. Give arms a network or a sandbox, like network = "veth", or name an arm.'
        yield Problem(AGAINST, BELOW, text)
    for arm in arms:
        if stands_on_a_rung(arm.settings) and lower_arm(arm, arms) is None:
            yield Problem(AGAINST, BELOW, _nothing_below(arm))


def _lower(network: str) -> list[str]:
    """Return the rungs below `network`, the nearest first."""
    below = plugins.load(NETWORKS, network, NetworkRung).below
    return [below, *_lower(below)] if below else []


def _at(settings: Settings, network: str) -> Settings:
    """Return `settings` on another network without a sandbox; the leg is the default on the host's network."""
    leg = settings.network_leg if network != HOST else "hop"
    return settings.model_copy(update={"network": network, "network_leg": leg, "sandbox": ()})


def _first(arms: Sequence[Arm], wanted: Sequence[Settings]) -> Arm | None:
    """Return the arm with the first of the `wanted` settings that any arm has."""
    free = [arm for arm in arms if not arm.settings.sandbox]
    matches = (arm for settings in wanted for arm in free if _at(arm.settings, arm.settings.network) == settings)
    return next(matches, None)


def _nothing_below(arm: Arm) -> str:
    settings = arm.settings
    network = settings.network if len(settings.sandbox) == 1 else HOST
    without = " and no sandbox" if settings.sandbox else ""
    return (
        f"there is no rung below {arm.name!r}: no arm with network = {shown(network)}{without} has the same other "
        "settings. Add it, or name an arm."
    )
