"""The ladders of an experiment: steps, top, and whether the rungs add up."""

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
    """Return the ladders; none for a search for capacities, whose steps are no times.

    Steps are the comparisons. Tops, sums, and excesses over sums are each a family under Holm's correction.
    """
    candidates = [] if searches(experiment) else structures(experiment)
    compared = {
        (comparison.arm, comparison.against): comparison for comparison in comparisons if comparison.metric == METRIC
    }
    judge = partial(_judged, experiment, sessions, looks)
    wholes = [whole for structure in candidates for whole in structure.wholes if whole.parts]
    fields_by_sum = {
        **judge([_alone(structure.top) for structure in candidates if structure.top]),
        **judge([Sum(whole.parts) for whole in wholes]),
        **judge([_beyond(whole) for whole in wholes]),
    }
    records = [session.record for session in sessions]
    return tuple(_ladder(experiment, structure, compared, fields_by_sum, records) for structure in candidates)


def _ladder(
    experiment: Experiment,
    structure: Structure,
    compared: Mapping[Pair, Comparison],
    fields_by_sum: Said,
    records: Sequence[Record],
) -> Ladder:
    return Ladder(
        transport=structure.transport,
        where=dict(structure.where),
        bottom=structure.bottom,
        steps=(
            *(_step(experiment, compared[pair], "network", records) for pair in structure.network),
            *(_step(experiment, compared[pair], "sandbox", records) for pair in structure.sandbox),
        ),
        top=_climb(experiment, structure.top, fields_by_sum[_alone(structure.top)]) if structure.top else None,
        together=tuple(_together(experiment, whole, compared, fields_by_sum) for whole in structure.wholes),
    )


def _step(experiment: Experiment, comparison: Comparison, kind: str, records: Sequence[Record]) -> LadderStep:
    pair = (comparison.arm, comparison.against)
    return LadderStep.model_validate(
        {**_as_climb(experiment, comparison).model_dump(), "kind": kind, "backing": backing(records, pair)}
    )


def _as_climb(experiment: Experiment, comparison: Comparison) -> Climb:
    return Climb(
        **comparison.model_dump(exclude={"checks"}), rungs=_rungs(experiment, (comparison.arm, comparison.against))
    )


def _climb(experiment: Experiment, pair: Pair, fields: Fields) -> Climb:
    return Climb(arm=pair[0], against=pair[1], metric=METRIC, rungs=_rungs(experiment, pair), **fields)


def _together(
    experiment: Experiment, whole: Whole, compared: Mapping[Pair, Comparison], fields_by_sum: Said
) -> Together:
    measured = _as_climb(experiment, compared[whole.pair])
    if not whole.parts:
        return Together(measured=measured, missing=whole.missing)
    beyond: dict[str, Any] = dict(fields_by_sum[_beyond(whole)])
    return Together(
        measured=measured,
        parts=tuple(arm for arm, _ in whole.parts),
        sum=_climb(experiment, whole.pair, fields_by_sum[Sum(whole.parts)]),
        beyond=Beyond(
            arm=whole.pair[0],
            against=whole.pair[1],
            metric=METRIC,
            **{**beyond, "verdict": ADDITIVITY[beyond["verdict"]]},
        ),
    )


def _rungs(experiment: Experiment, pair: Pair) -> tuple[str, ...]:
    """Return the rungs that the higher arm has and the lower has not."""
    higher, lower = (_all_rungs(experiment.arm(name).settings) for name in pair)
    return tuple(rung for rung in higher if rung not in lower)


def _all_rungs(settings: Settings) -> list[str]:
    return [*([] if settings.network == HOST else [settings.network]), *settings.sandbox]


def _alone(pair: Pair) -> Sum:
    return Sum((pair,))


def _beyond(whole: Whole) -> Sum:
    return Sum((whole.pair,), whole.parts)


def _judged(
    experiment: Experiment, sessions: Sequence[SessionData], looks: Sequence[int], family: Iterable[Sum]
) -> dict[Sum, Fields]:
    series = {session.record.session: over_rounds(session.record, METRIC) for session in sessions}
    failed = failures(session.record for session in sessions)
    return judged(
        {pair_sum: summed(series, pair_sum, METRIC) for pair_sum in family},
        experiment.design.equivalence_percent,
        error_rate_of(looks),
        excuse=lambda pair_sum: failure_excuse(pair_sum.arms, failed),
    )
