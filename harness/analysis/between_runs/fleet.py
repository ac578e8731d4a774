"""The runs of one experiment by host: whether they can be pooled, what differs between hosts, strata of hosts."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from harness.analysis.between_runs.changes import RunData, differing_questions, repeated_directories
from harness.analysis.between_runs.hosts import Host, RunOrigin, group_by_host
from harness.analysis.between_runs.metadata import (
    MetadataDifference,
    design_tree,
    flatten,
    have_serving_facts,
    host_tree,
    metadata_differences,
    serving_trees,
    settings_tree,
)
from harness.errors import ConfigError, raise_if_any
from harness.experiment.problems import suggest
from harness.model import Experiment

IDENTITY = "identity."  # differs between hosts, or is what tells that they are one
UNKNOWN = "unknown"
MAX_LISTED_FIELDS = 6

Question = tuple[frozenset[str], frozenset[tuple[str, str]]]  # arms and pairs


@dataclass(frozen=True, slots=True)
class FleetHost:
    """A host and its runs."""

    name: str
    runs: Sequence[RunData]
    is_guess: bool = False


@dataclass(frozen=True)
class Fleet:
    """The hosts of an experiment, at least one."""

    hosts: Sequence[FleetHost]

    @cached_property
    def _facts(self) -> list[list[dict[str, Any]]]:
        """What host.json and the servers of each run have, by host."""
        runs = [run for host in self.hosts for run in host.runs]
        facts = [run.host for run in runs]
        apart = have_serving_facts(facts)
        servers = serving_trees(facts)
        trees = iter(
            {**host_tree(run.host, run.records, servers_apart=apart), **serving}
            for run, serving in zip(runs, servers, strict=True)
        )
        return [[next(trees) for _ in host.runs] for host in self.hosts]

    @property
    def host(self) -> tuple[MetadataDifference, ...]:
        """What differs between the hosts, or between runs of one."""
        differences = self._differences(self._facts)
        return tuple(difference for difference in differences if not difference.field.startswith(IDENTITY))

    @property
    def settings(self) -> tuple[MetadataDifference, ...]:
        """The settings of arms that differ."""
        return self._differences([[settings_tree(run.plan) for run in host.runs] for host in self.hosts])

    @property
    def measuring(self) -> tuple[MetadataDifference, ...]:
        """How the runs were measured, where that differs."""
        return self._differences([[design_tree(run.plan) for run in host.runs] for host in self.hosts])

    def _differences(self, trees: Sequence[Sequence[Mapping[str, object]]]) -> tuple[MetadataDifference, ...]:
        """Return what differs between the runs; the value of a host has those of its runs."""
        by_run = metadata_differences([tree for of_host in trees for tree in of_host])
        return tuple(
            MetadataDifference(field=difference.field, values=tuple(self._by_host(difference.values)))
            for difference in by_run
        )

    def _by_host(self, values: Sequence[str | None]) -> Iterator[str | None]:
        rest = iter(values)
        for host in self.hosts:
            own = dict.fromkeys(next(rest) for _ in host.runs)
            yield next(iter(own)) if len(own) == 1 else " | ".join(value or UNKNOWN for value in own)

    def divide(self, field: str) -> dict[str, list[FleetHost]]:
        """Return the hosts by the value of a fact, like `kernel.release`; a host may have runs of several values.

        The name of a part, like `cpus.models`, stands for all facts in it. Raises ConfigError if there is no such fact.
        """
        values = [[_value_of(tree, field) for tree in trees] for trees in self._facts]
        if all(value is None for of_host in values for value in of_host):
            raise ConfigError(self._unknown_field(field))
        strata: dict[str, list[FleetHost]] = {}
        for host, of_host in zip(self.hosts, values, strict=True):
            for value in dict.fromkeys(of_host):
                runs = [run for run, own in zip(host.runs, of_host, strict=True) if own == value]
                strata.setdefault(value or UNKNOWN, []).append(FleetHost(host.name, runs, host.is_guess))
        return strata

    def _unknown_field(self, field: str) -> str:
        names = list(dict.fromkeys(name for trees in self._facts for tree in trees for name in flatten(tree)))
        differing = [difference.field for difference in self.host][:MAX_LISTED_FIELDS]
        way_out = suggest(field, names) or f" What differs: {', '.join(differing) or 'nothing'}."
        return f"--by {field}: no run has this fact in its host.json.{way_out}"


def _value_of(tree: Mapping[str, object], field: str) -> str | None:
    """Return the fact, or all facts of a part; None if there is none."""
    facts = flatten(tree)
    inner = [text for name, text in facts.items() if name == field or name.startswith(f"{field}.")]
    return ", ".join(dict.fromkeys(inner)) if inner else None


def form_fleet(runs: Sequence[RunData], names: Sequence[str]) -> Fleet:
    """Return the runs by host; `names` are those that the user gave, "" for none. Raises ConfigError."""
    problems = pooling_problems(runs)
    hosts, unknown = group_by_host(
        [RunOrigin(run.summary.directory, run.host, name) for run, name in zip(runs, names, strict=True)]
    )
    raise_if_any([*problems, *unknown], ConfigError)
    return Fleet([_fleet_host(host, runs) for host in hosts])


def _fleet_host(host: Host, runs: Sequence[RunData]) -> FleetHost:
    return FleetHost(host.name, [runs[place] for place in host.runs], host.is_guess)


def pooling_problems(runs: Sequence[RunData]) -> list[str]:
    """Return a sentence for each run that cannot be pooled with the others."""
    if not runs:
        return []
    problems = list(repeated_directories([run.summary.directory for run in runs]))
    return [*problems, *_copies(runs), *_other_experiments(runs), *_other_versions(runs)]


def _copies(runs: Sequence[RunData]) -> Iterator[str]:
    """Yield a sentence for each run whose sessions are also in another directory."""
    firsts: dict[object, str] = {}
    for run in runs:
        record, directory = run.records[0], run.summary.directory
        first_visit = record.visits[0].mean_us if record.visits else None
        original = firsts.setdefault(run.plan.run_id or (record.started_utc, first_visit), directory)
        if original != directory:
            yield f"{directory} is a copy of {original}: both are the same run. Give each run once."


def _other_experiments(runs: Sequence[RunData]) -> Iterator[str]:
    usual = _most_common([_question(run.plan.experiment) for run in runs])
    base = next(run for run in runs if _question(run.plan.experiment) == usual)
    for run in runs:
        if differences := list(differing_questions(base.plan.experiment, run.plan.experiment)):
            yield (
                f"{run.summary.directory} is a run of another experiment ({run.summary.experiment}) than "
                f"{base.summary.directory} ({base.summary.experiment}): {'; '.join(differences)}. Pool runs of one "
                "experiment."
            )


def _question(experiment: Experiment) -> Question:
    return frozenset(arm.name for arm in experiment.arms), frozenset(experiment.pairs)


def _other_versions(runs: Sequence[RunData]) -> Iterator[str]:
    """Yield a sentence for each run by another version of barehop, or with another estimator of a typical request."""
    known = [version for run in runs if (version := run.host.get("python", {}).get("barehop"))]
    usual = _most_common(known) if known else UNKNOWN
    estimator = _most_common([run.records[0].schedule.estimator for run in runs])
    for run in runs:
        version, own = run.host.get("python", {}).get("barehop") or usual, run.records[0].schedule.estimator
        if (version, own) != (usual, estimator):
            yield (
                f"{run.summary.directory} was measured by barehop {version} with the estimator {own}, most runs by "
                f"{usual} with {estimator}: versions may measure differently. Measure all hosts with one version."
            )


def _most_common(values: Sequence[Any]) -> Any:
    return Counter(values).most_common(1)[0][0]
