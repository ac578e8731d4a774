"""Order the rungs of the ladder, and find the arm one rung below another."""

from collections.abc import Iterator, Sequence

from harness import plugins
from harness.experiment.problems import ConfigProblem, did_you_mean, to_toml
from harness.model import Arm, Design, NetworkRung, Settings

NETWORK_PACKAGE = "harness.testbed.network.rungs"
SANDBOX_PACKAGE = "harness.testbed.sandbox.rungs"
HOST_NETWORK = "host"  # the lowest network rung
BELOW = "below"  # as design.against
AGAINST_PATH = ("design", "against")


def network_rungs() -> list[str]:
    """Return the network rungs from the bottom up; alphabetically on the same level."""
    return sorted(plugins.names(NETWORK_PACKAGE), key=lambda rung: (len(_rungs_below(rung)), rung))


def sandbox_rungs() -> list[str]:
    """Return the sandbox rungs."""
    return plugins.names(SANDBOX_PACKAGE)


def rung_name_problems(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield (setting, end of a sentence) for each unknown or repeated rung."""
    if settings.network not in network_rungs():
        yield "network", f"there is no such rung.{did_you_mean(settings.network, network_rungs())}"
    for name in dict.fromkeys(settings.sandbox):
        if name not in sandbox_rungs():
            yield "sandbox", f"there is no such rung as {to_toml(name)}.{did_you_mean(name, sandbox_rungs())}"
        elif settings.sandbox.count(name) > 1:
            yield "sandbox", f"{to_toml(name)} is listed more than once. Once is enough."


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
    settings = arm.settings
    if not settings.sandbox:
        return _first_match(arms, [_on_network(settings, rung) for rung in _rungs_below(settings.network)])
    return _first_match(arms, [_on_network(settings, HOST_NETWORK if len(settings.sandbox) > 1 else settings.network)])


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


def _rungs_below(network: str) -> list[str]:
    """Return the rungs below `network`, the nearest first."""
    below = plugins.load(NETWORK_PACKAGE, network, NetworkRung).below
    return [below, *_rungs_below(below)] if below else []


def _on_network(settings: Settings, network: str) -> Settings:
    """Return `settings` on another network without a sandbox; the leg is the default on the host's network."""
    leg = settings.network_leg if network != HOST_NETWORK else "hop"
    return settings.model_copy(update={"network": network, "network_leg": leg, "sandbox": ()})


def _first_match(arms: Sequence[Arm], wanted: Sequence[Settings]) -> Arm | None:
    """Return the arm with the first of the `wanted` settings that any arm has."""
    free = [arm for arm in arms if not arm.settings.sandbox]
    matches = (
        arm for settings in wanted for arm in free if _on_network(arm.settings, arm.settings.network) == settings
    )
    return next(matches, None)


def _missing_lower_arm(arm: Arm) -> str:
    settings = arm.settings
    network = settings.network if len(settings.sandbox) == 1 else HOST_NETWORK
    without = " and no sandbox" if settings.sandbox else ""
    return (
        f"there is no rung below {arm.name!r}: no arm with network = {to_toml(network)}{without} has the same other "
        "settings. Add it, or name an arm."
    )
