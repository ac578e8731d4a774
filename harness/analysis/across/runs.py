"""Compare runs of one experiment: the changes of effects, and the differences in metadata."""

from collections.abc import Iterator, Sequence
from typing import Literal

from harness.analysis.across.changes import BASE, Change, RunData, changes
from harness.analysis.across.circumstances import host_of, measuring_of, settings_of
from harness.analysis.across.contrast import Contrast, contrasts, contrasts_by_part
from harness.analysis.across.serving import are_known, serving_trees
from harness.errors import ConfigError, raise_all
from harness.model import Design, Experiment, Metric, Model, Summary

METRICS: tuple[Metric, ...] = ("latency", "cpu")


class RunComparison(Model):
    """Runs of one experiment, the base first; `design` is that of the base, whose margin is used."""

    format: Literal[1] = 1
    design: Design
    runs: tuple[Summary, ...]
    started_utc: tuple[str, ...]
    changes: tuple[Change, ...]
    settings: tuple[Contrast, ...]
    measuring: tuple[Contrast, ...]
    host: tuple[Contrast, ...]


def compare_runs(runs: Sequence[RunData]) -> RunComparison:
    """Return the changes of every pair's effect from the first run, on latency and CPU time.

    Settings may differ between the runs. Raise ConfigError if arms or pairs differ.
    """
    raise_all(_incomparable(runs), ConfigError)
    return RunComparison(
        design=runs[BASE].plan.experiment.design,
        runs=tuple(run.summary for run in runs),
        started_utc=tuple(run.records[0].started_utc for run in runs),
        changes=tuple(change for metric in METRICS for change in changes(runs, metric)),
        settings=contrasts([settings_of(run.plan) for run in runs]),
        measuring=contrasts([measuring_of(run.plan) for run in runs]),
        host=tuple(_hosts(runs)),
    )


def _hosts(runs: Sequence[RunData]) -> Iterator[Contrast]:
    hosts = [run.host for run in runs]
    apart = are_known(hosts)
    yield from contrasts_by_part([host_of(run.host, run.records, servers_apart=apart) for run in runs])
    yield from contrasts(serving_trees(hosts))


def _incomparable(runs: Sequence[RunData]) -> Iterator[str]:
    base = runs[BASE]
    if len(runs) < 2:
        yield f"{base.summary.directory} is only one run. Give the directories of two or more runs."
    directories = [run.summary.directory for run in runs]
    for directory in dict.fromkeys(directories):
        if directories.count(directory) > 1:
            yield f"{directory} is given twice. Give each run once."
    for run in runs[1:]:
        differences = list(_other_question(base.plan.experiment, run.plan.experiment))
        if differences:
            yield (
                f"{run.summary.directory} is a run of another experiment than {base.summary.directory}: "
                f"{'; '.join(differences)}. Compare runs of one experiment."
            )


def _other_question(base: Experiment, other: Experiment) -> Iterator[str]:
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
