"""The summary of a run: the content of `summary.json`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.analysis.arms import arm_summaries, throttle_counts
from harness.analysis.comparisons import compare_pairs, count_failures, should_stop
from harness.analysis.designs.factorial import (
    contrast_judge,
    factorial_interactions,
    interactions,
    joint_effects,
    level_effects,
)
from harness.analysis.designs.ladder import ladders
from harness.analysis.designs.screening import factor_interactions, is_averaging_screen, main_effects
from harness.analysis.designs.tool_agreement import tool_agreements
from harness.analysis.doubts import (
    changed_doubts,
    control_doubts,
    differing_controls,
    failed_doubts,
    incomplete_doubts,
    left_out_doubts,
    negative_control_doubts,
    rung_doubts,
    service_doubts,
    session_doubts,
)
from harness.analysis.load import arm_capacities, load_points, tail_effects
from harness.analysis.statistics.series import SessionData
from harness.model import HEADLINE_METRICS, Comparison, Doubt, Experiment, Record, RunSeconds, Schedule, Summary


def summarise(
    experiment: Experiment,
    sessions: Sequence[SessionData],
    *,
    directory: str,
    schedule: Schedule,
    seconds_total: float,
) -> Summary:
    """Return the summary of any number of `sessions` in any order, without causes.

    A run that was precise enough at a look is complete: its planned sessions are those that it has. A run is not valid
    with failed requests, a control that differs in the headline metric, or fewer sessions than planned or than 2.
    """
    records = [session.record for session in sessions]
    failed = count_failures(records)
    comparisons = compare_pairs(experiment, sessions, schedule.looks)
    factors = _factors(experiment, sessions, schedule.looks)
    is_complete = should_stop(experiment, schedule.looks, len(records), factors.get("main_effects") or comparisons)
    planned_sessions = len(records) if is_complete else schedule.sessions
    differing = differing_controls(experiment, comparisons)
    nulls = _nulls(experiment, comparisons, factors)
    incomplete = incomplete_doubts(len(records), planned_sessions, directory)
    faults = [*failed_doubts(failed), *changed_doubts(records), *incomplete]
    return Summary(
        experiment=experiment.name,
        question=experiment.question,
        directory=directory,
        sessions=len(records),
        planned_sessions=planned_sessions,
        valid=not faults and all(control.metric not in HEADLINE_METRICS for control in differing),
        seconds=RunSeconds(total=seconds_total, measuring=_measuring_s(records)),
        arms=arm_summaries(experiment, sessions, failed, schedule.looks),
        comparisons=comparisons,
        tool_signs=tool_agreements(experiment, comparisons, records),
        doubts=(*control_doubts(differing), *nulls, *faults, *_arm_doubts(experiment), *session_doubts(records)),
        **factors,
        **_load(experiment, sessions, schedule.looks),
        **_rungs(experiment, sessions, comparisons, schedule.looks),
    )


def is_precise(experiment: Experiment, sessions: Sequence[SessionData], looks: Sequence[int]) -> bool:
    """Return whether a run may end at this look: the intervals of what it asks are narrow enough.

    Makes these intervals only, and nothing else of a summary.
    """
    averages = main_effects(experiment, sessions, looks) if is_averaging_screen(experiment) else ()
    effects = averages or compare_pairs(experiment, sessions, looks, HEADLINE_METRICS)
    return should_stop(experiment, looks, len(sessions), effects)


def _factors(experiment: Experiment, sessions: Sequence[SessionData], looks: Sequence[int]) -> dict[str, Any]:
    """Return main effects and interactions of an averaging screen, or the factorial effects of other designs."""
    if is_averaging_screen(experiment):
        return {
            "main_effects": main_effects(experiment, sessions, looks),
            "factor_interactions": factor_interactions(experiment, sessions, looks),
        }
    contrasts, judge = factorial_interactions(experiment), contrast_judge(experiment, sessions, looks)
    return {
        "interactions": interactions(contrasts, judge),
        "levels": level_effects(contrasts, judge),
        "both_at_once": joint_effects(contrasts, judge),
    }


def _nulls(experiment: Experiment, comparisons: Sequence[Comparison], factors: Mapping[str, Any]) -> list[Doubt]:
    """Return the doubts from negative controls."""
    levels = factors.get("levels", ())
    return [
        *negative_control_doubts(experiment, comparisons, levels, factors.get("main_effects", ())),
        *rung_doubts(experiment, comparisons, levels),
    ]


def _arm_doubts(experiment: Experiment) -> Iterator[Doubt]:
    """Yield the doubts about arms that were left out or are services."""
    yield from left_out_doubts(experiment)
    yield from service_doubts(experiment)


def _rungs(
    experiment: Experiment,
    sessions: Sequence[SessionData],
    comparisons: Sequence[Comparison],
    looks: Sequence[int],
) -> dict[str, Any]:
    return {
        "ladders": ladders(experiment, sessions, comparisons, looks),
        "throttled": throttle_counts(experiment, [session.record for session in sessions]),
    }


def _load(experiment: Experiment, sessions: Sequence[SessionData], looks: Sequence[int]) -> dict[str, Any]:
    return {
        "tails": tail_effects(experiment, sessions, looks),
        "capacities": arm_capacities(experiment, sessions, looks),
        "load_points": load_points(experiment, sessions),
    }


def _measuring_s(records: Sequence[Record]) -> float:
    return sum(record.seconds.get("visiting", 0.0) for record in records)
