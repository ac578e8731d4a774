"""The summary of a run: the content of `summary.json`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.analysis.arm_summaries import arm_summaries, throttle_counts
from harness.analysis.contrasts.engine import JudgedContrast, RunEvidence, effect_of
from harness.analysis.contrasts.factorial import (
    JudgedCorner,
    factorial_effects,
    interaction_of,
    joint_effect_of,
    level_effect_of,
)
from harness.analysis.contrasts.ladder import JudgedSums, judge_sums, ladders
from harness.analysis.contrasts.machine_states import state_doubts
from harness.analysis.contrasts.pairs import compare_pairs, comparison_of, should_stop, widths_percent, without_controls
from harness.analysis.contrasts.screening import (
    ScreenInteraction,
    ScreenMainEffect,
    factor_interaction_of,
    is_averaging_screen,
    judge_main_effects,
    judge_screen_interactions,
    main_effect_of,
)
from harness.analysis.contrasts.tails import judge_tails, tail_effect_of
from harness.analysis.contrasts.tool_agreement import tool_agreements
from harness.analysis.doubts import (
    arm_doubts,
    control_doubts,
    differing_controls,
    null_effect_doubts,
    session_doubts,
    starting_doubts,
    validity_doubts,
)
from harness.analysis.latency_by_load import arm_capacities, load_points
from harness.analysis.statistics.series import SessionData
from harness.model import HEADLINE_METRICS, Experiment, RunSeconds, Schedule, Summary


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """All contrasts of a run, by kind. A screen that averages has main effects, other designs factorial effects."""

    pairs: list[JudgedContrast]
    factorial: dict[str, list[JudgedCorner]]
    main_effects: list[tuple[ScreenMainEffect, JudgedContrast]]
    factor_interactions: list[tuple[ScreenInteraction, JudgedContrast]]
    tails: list[tuple[float, JudgedContrast]]
    sums: JudgedSums

    @property
    def decisive(self) -> list[JudgedContrast]:
        """Return the effects whose intervals the run is to narrow."""
        return without_controls([effect for _, effect in self.main_effects] or self.pairs)

    def __iter__(self) -> Iterator[JudgedContrast]:
        yield from self.pairs
        yield from (effect for effects in self.factorial.values() for *_, effect in effects)
        yield from (effect for _, effect in self.main_effects)
        yield from (effect for _, effect in self.factor_interactions)
        yield from (effect for _, effect in self.tails)
        yield from self.sums.values()


def judge_run(evidence: RunEvidence) -> JudgedRun:
    """Return all contrasts that the experiment asks for."""
    is_screen = is_averaging_screen(evidence.experiment)
    return JudgedRun(
        pairs=compare_pairs(evidence),
        factorial={} if is_screen else factorial_effects(evidence),
        main_effects=judge_main_effects(evidence) if is_screen else [],
        factor_interactions=judge_screen_interactions(evidence) if is_screen else [],
        tails=judge_tails(evidence),
        sums=judge_sums(evidence),
    )


def run_summary(
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
    evidence = RunEvidence(experiment, sessions, schedule.looks)
    judged, records = judge_run(evidence), evidence.records
    planned_sessions = len(records) if _is_complete(judged, experiment, schedule, len(records)) else schedule.sessions
    effects = _effects_by_kind(judged)
    differing = differing_controls(experiment, effects["comparisons"])
    faults = validity_doubts(evidence.failed, records, planned_sessions, directory)
    unexpected = null_effect_doubts(experiment, (*effects["comparisons"], *effects["levels"]), effects["main_effects"])
    measuring_s = sum(record.seconds.get("visiting", 0.0) for record in records)
    observed = (*arm_doubts(experiment), *starting_doubts(experiment, records), *session_doubts(records))
    return Summary(
        experiment=experiment.name,
        question=experiment.question,
        directory=directory,
        sessions=len(records),
        planned_sessions=planned_sessions,
        valid=not faults and all(control.metric not in HEADLINE_METRICS for control in differing),
        seconds=RunSeconds(total=seconds_total, measuring=measuring_s),
        arms=arm_summaries(experiment, sessions, evidence.failed, schedule.looks),
        effects=tuple(map(effect_of, judged)),
        **effects,
        tool_signs=tool_agreements(experiment, effects["comparisons"], records),
        ladders=ladders(evidence, judged.pairs, judged.sums),
        throttled=tuple(throttle_counts(experiment, records)),
        capacities=arm_capacities(experiment, sessions, schedule.looks),
        load_points=load_points(experiment, sessions),
        doubts=(*control_doubts(differing), *state_doubts(evidence, judged.decisive), *unexpected, *faults, *observed),
    )


def _is_complete(judged: JudgedRun, experiment: Experiment, schedule: Schedule, sessions: int) -> bool:
    """Whether the run was precise enough at this look."""
    return should_stop(experiment, schedule.looks, sessions, widths_percent(judged.decisive))


def _effects_by_kind(judged: JudgedRun) -> dict[str, Any]:
    """Return the effects under the keys of format 1."""
    return {
        "comparisons": tuple(map(comparison_of, judged.pairs)),
        "interactions": tuple(map(interaction_of, judged.factorial.get("interactions", ()))),
        "levels": tuple(map(level_effect_of, judged.factorial.get("levels", ()))),
        "both_at_once": tuple(map(joint_effect_of, judged.factorial.get("both_at_once", ()))),
        "main_effects": tuple(main_effect_of(*effect) for effect in judged.main_effects),
        "factor_interactions": tuple(factor_interaction_of(*effect) for effect in judged.factor_interactions),
        "tails": tuple(tail_effect_of(*effect) for effect in judged.tails),
    }


def deciding_effects(
    experiment: Experiment, sessions: Sequence[SessionData], looks: Sequence[int]
) -> list[JudgedContrast]:
    """Return the effects whose intervals a run is to narrow, as a summary has them, and nothing else of a summary."""
    evidence = RunEvidence(experiment, sessions, looks)
    averages = [effect for _, effect in judge_main_effects(evidence)] if is_averaging_screen(experiment) else []
    return without_controls(averages or compare_pairs(evidence, HEADLINE_METRICS))


def is_precise(experiment: Experiment, looks: Sequence[int], sessions: int, effects: Iterable[JudgedContrast]) -> bool:
    """Return whether a run may end at this look: the intervals of what it asks are narrow enough."""
    return should_stop(experiment, looks, sessions, widths_percent(effects))
