"""Compares runs with each other: what has changed from the first to each later one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from harness.analysis.between_runs.metadata import (
    MetadataDifference,
    design_tree,
    have_serving_facts,
    host_tree,
    metadata_differences,
    serving_trees,
    settings_tree,
)
from harness.analysis.contrasts.engine import RunSeries, SessionValues, pair_contrast, session_values
from harness.analysis.contrasts.pairs import is_control_pair
from harness.analysis.statistics.group_sequential import single_look_error_rate
from harness.analysis.statistics.intervals import MIN_SESSIONS_FOR_INTERVAL, EffectEstimate, welch_difference
from harness.analysis.statistics.series import ArmPair, Series
from harness.analysis.statistics.verdict import judge_family
from harness.errors import ConfigError, raise_if_any
from harness.model import (
    DESIGN_METRICS,
    METRICS,
    Comparison,
    Design,
    Experiment,
    JsonModel,
    Plan,
    Record,
    Summary,
    TailEffect,
)
from harness.model.metrics import ESTIMATORS, OLDEST_ESTIMATOR, Estimator

BASE_RUN = 0


@dataclass(frozen=True, slots=True)
class RunData:
    """A run from its directory, with at least one finished session; `host` is host.json, or empty.

    `percentiles_us` are by name, session and arm, (1,).
    """

    plan: Plan
    summary: Summary
    records: Sequence[Record]
    host: Mapping[str, Any]
    percentiles_us: Mapping[str, Mapping[int, Mapping[str, Series]]] = field(default_factory=dict)


class RunChange(Comparison):
    """The effect of a pair in run number `run` (the base is 1) relative to its effect in the base run.

    `percent` is the ratio of the two ratios, `us` the difference of the two differences: above 0 the arm became slower
    relative to its reference. A slowdown of both arms cancels out; any other difference between the runs does not.
    `sessions_to_decide` is per run.
    """

    run: int


def change_estimate(base: SessionValues, other: SessionValues) -> EffectEstimate | None:
    """Return the change of an effect between two runs by Welch's t; None unless both have enough sessions."""
    sizes = (len(base.sessions), len(other.sessions))
    if min(sizes) < MIN_SESSIONS_FOR_INTERVAL:
        return None
    log_ratio = welch_difference(base.log_ratio, other.log_ratio)
    return EffectEstimate(
        log_ratio,
        welch_difference(base.difference, other.difference),
        sessions_factor=max(sizes) / log_ratio.sessions,  # of each run, for one run with the same precision
    )


def run_changes(runs: Sequence[RunData], metric: str) -> list[RunChange]:
    """Return the change of each pair in each run after the base, if both runs measured the metric.

    All pairs of all runs share Holm's correction, but a control is judged alone.
    """
    experiment = runs[BASE_RUN].plan.experiment
    names = {run.records[0].schedule.estimator for run in runs}
    estimator = ESTIMATORS[names.pop() if len(names) == 1 else OLDEST_ESTIMATOR]  # one for all runs
    series = [_run_series(run, metric, estimator) for run in runs]
    places = [
        (pair, run)
        for pair in experiment.pairs
        for run in range(1, len(runs))
        if all(_effect_within(runs[index], pair, metric) for index in (BASE_RUN, run))
    ]
    terms = {pair: pair_contrast(pair, metric).terms for pair in experiment.pairs}
    judgements = judge_family(
        [
            change_estimate(*(session_values(series[index], terms[pair]) for index in (BASE_RUN, run)))
            for pair, run in places
        ],
        experiment.design.equivalence_percent,
        single_look_error_rate,
        excuses=[_excuse(runs, pair, run, metric) for pair, run in places],
        alone=[is_control_pair(experiment, pair) for pair, _ in places],
    )
    return [
        RunChange(run=run + 1, arm=pair[0], against=pair[1], metric=metric, **dict(judgement))
        for (pair, run), judgement in zip(places, judgements, strict=True)
    ]


def _run_series(run: RunData, metric: str, estimator: Estimator) -> RunSeries:
    """Return the values of a run that have the metric: of visits, of bursts under perf, or of whole sessions."""
    if METRICS[metric].percentile:
        return RunSeries((), {metric: run.percentiles_us.get(metric, {})})
    records = run.records
    if METRICS[metric].is_counted:
        records = [record.model_copy(update={"visits": record.counted}) for record in records]
    return RunSeries(records, experiment=run.plan.experiment, estimator=estimator)


def _effect_within(run: RunData, pair: ArmPair, metric: str) -> Comparison | TailEffect | None:
    """Return the effect in the run itself, or that on latency for a count; None if the run did not measure the metric.

    A percentile of all sessions together has no values by session, which a comparison of runs needs.
    """
    wanted, effects = METRICS[metric], list[Comparison | TailEffect](run.summary.comparisons)
    if wanted.percentile:
        effects = [tail for tail in run.summary.tails if tail.percentile == wanted.percentile and not tail.pooled]
    elif wanted.is_counted:
        counts = any(wanted.value(visit) for record in run.records for visit in record.counted)
        effects = [effect for effect in effects if counts and effect.metric == "latency"]
    else:
        effects = [effect for effect in effects if effect.metric == metric]
    return next((effect for effect in effects if (effect.arm, effect.against) == pair), None)


def _excuse(runs: Sequence[RunData], pair: ArmPair, run: int, metric: str) -> str:
    """Return why there is no verdict: the reasons of both runs; "" if both have one."""
    effects = {index + 1: _effect_within(runs[index], pair, metric) for index in (BASE_RUN, run)}
    return " ".join(
        f"Run {number}: {effect.why}" for number, effect in effects.items() if effect and effect.verdict is None
    )


class RunComparison(JsonModel):
    """Runs of one experiment, the base first; `design` is that of the base, whose margin is used."""

    format: Literal[1] = 1
    design: Design
    runs: tuple[Summary, ...]
    started_utc: tuple[str, ...]
    changes: tuple[RunChange, ...]
    settings: tuple[MetadataDifference, ...]
    measuring: tuple[MetadataDifference, ...]
    host: tuple[MetadataDifference, ...]


def compare_runs(runs: Sequence[RunData], metrics: Sequence[str] = ()) -> RunComparison:
    """Return the changes of every pair's effect from the first run, on latency, CPU time and further `metrics`.

    Settings may differ between the runs. Raise ConfigError if arms or pairs differ.
    """
    raise_if_any(_incomparable(runs), ConfigError)
    return RunComparison(
        design=runs[BASE_RUN].plan.experiment.design,
        runs=tuple(run.summary for run in runs),
        started_utc=tuple(run.records[0].started_utc for run in runs),
        changes=tuple(
            change for metric in dict.fromkeys((*DESIGN_METRICS, *metrics)) for change in run_changes(runs, metric)
        ),
        settings=tuple(metadata_differences([settings_tree(run.plan) for run in runs])),
        measuring=tuple(metadata_differences([design_tree(run.plan) for run in runs])),
        host=tuple(_hosts(runs)),
    )


def _hosts(runs: Sequence[RunData]) -> Iterator[MetadataDifference]:
    hosts = [run.host for run in runs]
    apart = have_serving_facts(hosts)
    yield from metadata_differences([host_tree(run.host, run.records, servers_apart=apart) for run in runs])
    yield from metadata_differences(serving_trees(hosts))


def _incomparable(runs: Sequence[RunData]) -> Iterator[str]:
    base = runs[BASE_RUN]
    if len(runs) < 2:
        yield f"{base.summary.directory} is only one run. Give the directories of two or more runs."
    yield from repeated_directories([run.summary.directory for run in runs])
    for run in runs[1:]:
        differences = list(differing_questions(base.plan.experiment, run.plan.experiment))
        if differences:
            yield (
                f"{run.summary.directory} is a run of another experiment than {base.summary.directory}: "
                f"{'; '.join(differences)}. Compare runs of one experiment."
            )


def repeated_directories(directories: Sequence[str]) -> Iterator[str]:
    """Yield a sentence for each directory that is there more than once."""
    for directory in dict.fromkeys(directories):
        if directories.count(directory) > 1:
            yield f"{directory} is given twice. Give each run once."


def differing_questions(base: Experiment, other: Experiment) -> Iterator[str]:
    """Yield the differences in arms and pairs of `other` from `base`."""
    ours, theirs = ([arm.name for arm in experiment.arms] for experiment in (base, other))
    if missing := [name for name in ours if name not in theirs]:
        yield f"it lacks {', '.join(missing)}"
    if added := [name for name in theirs if name not in ours]:
        yield f"it also has {', '.join(added)}"
    if set(ours) == set(theirs) and set(base.pairs) != set(other.pairs):
        yield f"it compares {_pairs(other)} where the first compares {_pairs(base)}"


def _pairs(experiment: Experiment) -> str:
    return ", ".join(f"{arm} with {against}" for arm, against in experiment.pairs)
