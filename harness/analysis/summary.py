"""The summary of a run: the content of `summary.json`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.analysis.arms import arms_of
from harness.analysis.bursts import SessionData
from harness.analysis.comparisons import compare
from harness.analysis.doubts import (
    changed_doubts,
    control_doubts,
    differing_controls,
    failed_doubts,
    incomplete_doubts,
    left_out_doubts,
    service_doubts,
    session_doubts,
)
from harness.analysis.factors.averaged import factor_interactions, main_effects
from harness.analysis.factors.contrasts import both_at_once, interactions, judge_of, level_effects
from harness.analysis.factors.corners import corners
from harness.analysis.factors.screen import averages
from harness.analysis.factors.signs import tool_signs
from harness.analysis.failures import failures
from harness.analysis.ladder.doubts import rung_doubts
from harness.analysis.ladder.ladders import ladders
from harness.analysis.load import found_capacities, load_points
from harness.analysis.nulls import null_doubts
from harness.analysis.stopping import stops
from harness.analysis.tails import tails
from harness.analysis.throttling import throttled
from harness.model import HEADLINE, Comparison, Doubt, Experiment, Record, Schedule, Seconds, Summary


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
    failed = failures(records)
    comparisons = compare(experiment, sessions, schedule.looks)
    factors = _factors(experiment, sessions, schedule.looks)
    is_complete = stops(experiment, schedule.looks, len(records), factors.get("main_effects") or comparisons)
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
        valid=not faults and all(control.metric not in HEADLINE for control in differing),
        seconds=Seconds(total=seconds_total, measuring=_measuring_s(records)),
        arms=arms_of(experiment, sessions, failed, schedule.looks),
        comparisons=comparisons,
        tool_signs=tool_signs(experiment, comparisons, records),
        doubts=(*control_doubts(differing), *nulls, *faults, *_of_arms(experiment), *session_doubts(records)),
        **factors,
        **_load(experiment, sessions, schedule.looks),
        **_rungs(experiment, sessions, comparisons, schedule.looks),
    )


def _factors(experiment: Experiment, sessions: Sequence[SessionData], looks: Sequence[int]) -> dict[str, Any]:
    """Return main effects and interactions of an averaging screen, or the factorial effects of other designs."""
    if averages(experiment):
        return {
            "main_effects": main_effects(experiment, sessions, looks),
            "factor_interactions": factor_interactions(experiment, sessions, looks),
        }
    contrasts, judge = corners(experiment), judge_of(experiment, sessions, looks)
    return {
        "interactions": interactions(contrasts, judge),
        "levels": level_effects(contrasts, judge),
        "both_at_once": both_at_once(contrasts, judge),
    }


def _nulls(experiment: Experiment, comparisons: Sequence[Comparison], factors: Mapping[str, Any]) -> list[Doubt]:
    """Return the doubts from negative controls."""
    levels = factors.get("levels", ())
    return [
        *null_doubts(experiment, comparisons, levels, factors.get("main_effects", ())),
        *rung_doubts(experiment, comparisons, levels),
    ]


def _of_arms(experiment: Experiment) -> Iterator[Doubt]:
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
        "throttled": throttled(experiment, [session.record for session in sessions]),
    }


def _load(experiment: Experiment, sessions: Sequence[SessionData], looks: Sequence[int]) -> dict[str, Any]:
    return {
        "tails": tails(experiment, sessions, looks),
        "capacities": found_capacities(experiment, sessions, looks),
        "load_points": load_points(experiment, sessions),
    }


def _measuring_s(records: Sequence[Record]) -> float:
    return sum(record.seconds.get("visiting", 0.0) for record in records)
