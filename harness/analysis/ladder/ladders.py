"""Each ladder of an experiment: its steps as they were compared, its top, and whether its rungs add up."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from harness.analysis.bursts import SessionData, over_rounds
from harness.analysis.effects import Pair
from harness.analysis.failures import failure_excuse, failures
from harness.analysis.judged import Fields, judged
from harness.analysis.ladder.backing import backing
from harness.analysis.ladder.structure import Structure, Whole, structures
from harness.analysis.ladder.sums import Sum, summed
from harness.analysis.looks import error_rate_of
from harness.experiment.ladder import HOST
from harness.experiment.search import searches
from harness.model import (
    Additivity,
    Beyond,
    Climb,
    Comparison,
    Experiment,
    Ladder,
    LadderStep,
    Metric,
    Record,
    Settings,
    Together,
    Verdict,
)

METRIC: Metric = "latency"
ADDITIVITY: Mapping[Verdict | None, Additivity | None] = {
    "equivalent": "additive",
    "slower": "more",
    "faster": "less",
    "undecided": "undecided",
    None: None,
}

Said = Mapping[Sum, Fields]


def ladders(
    experiment: Experiment,
    sessions: Sequence[SessionData],
    comparisons: Sequence[Comparison],
    looks: Sequence[int] = (),
) -> tuple[Ladder, ...]:
    """From what was compared; tops, sums, and what goes beyond sums are a family each under Holm's correction.

    None where nothing climbs, and none of a search for capacities, whose steps are no times.
    """
    found = [] if searches(experiment) else structures(experiment)
    compared = {(one.arm, one.against): one for one in comparisons if one.metric == METRIC}
    judge = partial(_judged, experiment, sessions, looks)
    wholes = [whole for one in found for whole in one.wholes if whole.parts]
    said = {
        **judge([_alone(one.top) for one in found if one.top]),
        **judge([Sum(whole.parts) for whole in wholes]),
        **judge([_beyond(whole) for whole in wholes]),
    }
    records = [session.record for session in sessions]
    return tuple(_ladder(experiment, one, compared, said, records) for one in found)


def _ladder(
    experiment: Experiment,
    of: Structure,
    compared: Mapping[Pair, Comparison],
    said: Said,
    records: Sequence[Record],
) -> Ladder:
    return Ladder(
        transport=of.transport,
        where=dict(of.where),
        bottom=of.bottom,
        steps=(
            *(_step(experiment, compared[pair], "network", records) for pair in of.network),
            *(_step(experiment, compared[pair], "sandbox", records) for pair in of.sandbox),
        ),
        top=_climb(experiment, of.top, said[_alone(of.top)]) if of.top else None,
        together=tuple(_together(experiment, whole, compared, said) for whole in of.wholes),
    )


def _step(experiment: Experiment, one: Comparison, kind: str, records: Sequence[Record]) -> LadderStep:
    pair = (one.arm, one.against)
    return LadderStep.model_validate(
        {**_as_climb(experiment, one).model_dump(), "kind": kind, "backing": backing(records, pair)}
    )


def _as_climb(experiment: Experiment, one: Comparison) -> Climb:
    return Climb(**one.model_dump(exclude={"checks"}), rungs=_rungs(experiment, (one.arm, one.against)))


def _climb(experiment: Experiment, pair: Pair, fields: Fields) -> Climb:
    return Climb(arm=pair[0], against=pair[1], metric=METRIC, rungs=_rungs(experiment, pair), **fields)


def _together(experiment: Experiment, whole: Whole, compared: Mapping[Pair, Comparison], said: Said) -> Together:
    measured = _as_climb(experiment, compared[whole.pair])
    if not whole.parts:
        return Together(measured=measured, missing=whole.missing)
    beyond: dict[str, Any] = dict(said[_beyond(whole)])
    return Together(
        measured=measured,
        parts=tuple(arm for arm, _ in whole.parts),
        sum=_climb(experiment, whole.pair, said[Sum(whole.parts)]),
        beyond=Beyond(
            arm=whole.pair[0],
            against=whole.pair[1],
            metric=METRIC,
            **{**beyond, "verdict": ADDITIVITY[beyond["verdict"]]},
        ),
    )


def _rungs(experiment: Experiment, pair: Pair) -> tuple[str, ...]:
    """What the higher arm has and the lower has not."""
    higher, lower = (_all_rungs(experiment.arm(name).settings) for name in pair)
    return tuple(rung for rung in higher if rung not in lower)


def _all_rungs(settings: Settings) -> list[str]:
    return [*([] if settings.network == HOST else [settings.network]), *settings.sandbox]


def _alone(pair: Pair) -> Sum:
    return Sum((pair,))


def _beyond(whole: Whole) -> Sum:
    return Sum((whole.pair,), whole.parts)


def _judged(
    experiment: Experiment, sessions: Sequence[SessionData], looks: Sequence[int], asked: Iterable[Sum]
) -> dict[Sum, Fields]:
    series = {session.record.session: over_rounds(session.record, METRIC) for session in sessions}
    failed = failures(session.record for session in sessions)
    return judged(
        {one: summed(series, one, METRIC) for one in asked},
        experiment.design.equivalence_percent,
        error_rate_of(looks),
        excuse=lambda one: failure_excuse(one.arms, failed),
    )
