"""Effects where there should be none: of settings declared to do nothing, and of TCP's where nothing is TCP."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from harness.analysis.comparisons import is_control
from harness.analysis.factors.corners import levels_of
from harness.model import HEADLINE, Comparison, Doubt, Experiment, LevelEffect, MainEffect, Settings, Verdict

Judged = Comparison | LevelEffect | MainEffect
Found = TypeVar("Found", Comparison, LevelEffect, MainEffect)

BARE_CHAINS = ("app-direct", "floor")  # without nginx, which the client reaches by TCP
MOVED: tuple[Verdict, ...] = ("faster", "slower")
ADVICE = "Look at the other effects with suspicion: find out what else differed, and measure again."


def null_doubts(
    experiment: Experiment,
    comparisons: Sequence[Comparison],
    levels: Sequence[LevelEffect],
    averaged: Sequence[MainEffect],
) -> Iterator[Doubt]:
    """One for each verdict faster or slower on what can or should do nothing."""
    pairs: list[Comparison | LevelEffect] = [*_moved(comparisons), *_moved(levels)]
    for one in pairs:
        if not is_control(experiment, (one.arm, one.against)):
            arms = [experiment.arm(name).settings for name in (one.arm, one.against)]
            yield from _doubts(experiment, one, _apart(*arms), arms)
    for effect in _moved(averaged):
        arms = [
            experiment.arm(name).settings
            for name, at in experiment.levels.items()
            if effect.where.items() <= at.items()
        ]
        yield from _doubts(experiment, effect, {effect.factor}, arms)


def _moved(found: Sequence[Found]) -> list[Found]:
    return [one for one in found if one.verdict in MOVED and one.metric in HEADLINE]


def _doubts(experiment: Experiment, one: Judged, apart: set[str], arms: Sequence[Settings]) -> Iterator[Doubt]:
    if apart <= set(experiment.design.expect_null):
        yield _doubt(one, "was declared to do nothing")
    elif apart <= set(experiment.tcp_only) and not any(map(_has_tcp, arms)):
        yield _doubt(one, "touches nothing but TCP, and no TCP connection is in its way")


def _doubt(one: Judged, why: str) -> Doubt:
    where = "".join(f", {key} = {level}" for key, level in getattr(one, "where", {}).items())
    return Doubt(
        kind="null-moved",
        arm=None if isinstance(one, MainEffect) else one.arm,
        seen=(
            f"{one.arm} came out {one.verdict} than {one.against}{where}, by {one.percent:+.2f} % "
            f"({100 * one.confidence:.4g} % interval {one.percent_low:+.2f} to {one.percent_high:+.2f}), "
            f"though what they differ in {why}."
        ),
        advice=ADVICE,
    )


def _apart(one: Settings, other: Settings) -> set[str]:
    """In what they differ, knobs as factors have them."""
    mine, others = levels_of(one), levels_of(other)
    return {key for key in mine | others if mine.get(key) != others.get(key)}


def _has_tcp(settings: Settings) -> bool:
    """On the way from the client to the application."""
    return settings.chain not in BARE_CHAINS or not settings.transport.startswith("uds-")
