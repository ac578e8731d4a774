"""Negative controls: effects of settings declared to have none, and of TCP settings without any TCP."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from harness.analysis.comparisons import is_control
from harness.analysis.doubts import percent_with_interval
from harness.analysis.factors.corners import levels_of
from harness.model import HEADLINE, Comparison, Doubt, Experiment, LevelEffect, MainEffect, Settings, Verdict

Judged = Comparison | LevelEffect | MainEffect
Found = TypeVar("Found", Comparison, LevelEffect, MainEffect)

BARE_CHAINS = ("app-direct", "floor")  # without nginx, which the client reaches by TCP
MOVED: tuple[Verdict, ...] = ("faster", "slower")
NULL_ADVICE = "Distrust the other effects: find out what else differed, and measure again."


def null_doubts(
    experiment: Experiment,
    comparisons: Sequence[Comparison],
    levels: Sequence[LevelEffect],
    averaged: Sequence[MainEffect],
) -> Iterator[Doubt]:
    """Yield a doubt for each verdict faster or slower where no effect is expected or possible."""
    effects: list[Comparison | LevelEffect] = [*_moved(comparisons), *_moved(levels)]
    for effect in effects:
        if not is_control(experiment, (effect.arm, effect.against)):
            arms = [experiment.arm(name).settings for name in (effect.arm, effect.against)]
            yield from _doubts(experiment, effect, differing_settings(*arms), arms)
    for main_effect in _moved(averaged):
        arms = [
            experiment.arm(name).settings
            for name, at in experiment.levels.items()
            if main_effect.where.items() <= at.items()
        ]
        yield from _doubts(experiment, main_effect, {main_effect.factor}, arms)


def _moved(effects: Sequence[Found]) -> list[Found]:
    return [effect for effect in effects if effect.verdict in MOVED and effect.metric in HEADLINE]


def _doubts(experiment: Experiment, effect: Judged, differing: set[str], arms: Sequence[Settings]) -> Iterator[Doubt]:
    if differing <= set(experiment.design.expect_null):
        yield _null_doubt(effect, "was declared to have no effect")
    elif differing <= set(experiment.tcp_only) and not any(map(_has_tcp, arms)):
        yield _null_doubt(effect, "affects only TCP, and neither arm uses TCP")


def _null_doubt(effect: Judged, why: str) -> Doubt:
    where = "".join(f", {key} = {level}" for key, level in getattr(effect, "where", {}).items())
    return Doubt(
        kind="null-moved",
        arm=None if isinstance(effect, MainEffect) else effect.arm,
        seen=(
            f"{effect.arm} is {effect.verdict} than {effect.against}{where}, by {percent_with_interval(effect)}, "
            f"although the setting in which they differ {why}."
        ),
        advice=NULL_ADVICE,
    )


def differing_settings(settings: Settings, other: Settings) -> set[str]:
    """Return the settings and knobs in which two arms differ."""
    levels, others = levels_of(settings), levels_of(other)
    return {key for key in levels | others if levels.get(key) != others.get(key)}


def _has_tcp(settings: Settings) -> bool:
    """Whether a request uses TCP anywhere from the client to the application."""
    return settings.chain not in BARE_CHAINS or not settings.transport.startswith("uds-")
