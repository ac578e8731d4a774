"""The negative control of the ladder: a network rung cannot affect a Unix socket."""

from collections.abc import Iterator, Sequence

from harness.analysis.comparisons import is_control
from harness.analysis.doubts import percent_with_interval
from harness.analysis.nulls import MOVED, differing_settings
from harness.model import HEADLINE, Comparison, Doubt, Experiment, LevelEffect, Settings

RUNG_ADVICE = (
    "Something other than the network differs between these stacks, and may differ between those over TCP too: trust "
    "no step of this size, quiet the machine and measure again."
)


def rung_doubts(
    experiment: Experiment, comparisons: Sequence[Comparison], levels: Sequence[LevelEffect] = ()
) -> Iterator[Doubt]:
    """Yield a doubt for each network rung on the hop with the verdict faster or slower for a Unix socket."""
    effects: list[Comparison | LevelEffect] = [*comparisons, *levels]
    for effect in effects:
        moved = effect.verdict in MOVED and effect.metric in HEADLINE
        if (
            moved
            and not is_control(experiment, (effect.arm, effect.against))
            and _differ_in_network(experiment, effect)
        ):
            yield _rung_doubt(effect)


def _differ_in_network(experiment: Experiment, effect: Comparison | LevelEffect) -> bool:
    arms = [experiment.arm(name).settings for name in (effect.arm, effect.against)]
    return all(map(_has_socket, arms)) and differing_settings(*arms) in ({"network"}, {"network", "network_leg"})


def _has_socket(settings: Settings) -> bool:
    """Whether the hop is a Unix socket and the rung lies on the hop."""
    return settings.transport.startswith("uds-") and settings.network_leg == "hop"


def _rung_doubt(effect: Comparison | LevelEffect) -> Doubt:
    return Doubt(
        kind="rung-moved-uds",
        arm=effect.arm,
        seen=(
            f"{effect.arm} is {effect.verdict} than {effect.against} by {percent_with_interval(effect)}, "
            "although a Unix socket sends no packets through the network."
        ),
        advice=RUNG_ADVICE,
    )
