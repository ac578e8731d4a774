"""The ladder's negative control: what lies on the way of TCP cannot move a Unix socket."""

from collections.abc import Iterator, Sequence

from harness.analysis.comparisons import is_control
from harness.analysis.factors.corners import levels_of
from harness.model import HEADLINE, Comparison, Doubt, Experiment, LevelEffect, Settings

MOVED = ("faster", "slower")
ADVICE = (
    "Something beside the network differs between these stacks, and so it may between those over TCP: believe no step "
    "of this size, quiet the machine and measure again."
)


def rung_doubts(
    experiment: Experiment, comparisons: Sequence[Comparison], levels: Sequence[LevelEffect] = ()
) -> Iterator[Doubt]:
    """One for each network rung on the hop that is decided to be faster or slower for a Unix socket.

    That is: not equivalent within the margin, and the interval excludes zero after the correction.
    """
    found: list[Comparison | LevelEffect] = [*comparisons, *levels]
    for one in found:
        moved = one.verdict in MOVED and one.metric in HEADLINE
        if moved and not is_control(experiment, (one.arm, one.against)) and _differ_in_network(experiment, one):
            yield _doubt(one)


def _differ_in_network(experiment: Experiment, one: Comparison | LevelEffect) -> bool:
    mine, other = (experiment.arm(name).settings for name in (one.arm, one.against))
    return all(map(_has_socket, (mine, other))) and _apart(mine, other) in ({"network"}, {"network", "network_leg"})


def _apart(mine: Settings, other: Settings) -> set[str]:
    levels, others = levels_of(mine), levels_of(other)
    return {key for key in levels.keys() | others.keys() if levels.get(key) != others.get(key)}


def _has_socket(settings: Settings) -> bool:
    """Whether the hop is a Unix socket, and the client's own leg is as on every rung."""
    return settings.transport.startswith("uds-") and settings.network_leg == "hop"


def _doubt(one: Comparison | LevelEffect) -> Doubt:
    return Doubt(
        kind="rung-moved-uds",
        arm=one.arm,
        seen=(
            f"{one.arm} came out {one.verdict} than {one.against} by {one.percent:+.2f} % "
            f"({100 * one.confidence:.4g} % interval {one.percent_low:+.2f} to {one.percent_high:+.2f}), "
            "though no packet of a Unix socket's hop goes through the network."
        ),
        advice=ADVICE,
    )
