"""Selects and groups the comparisons of a report; names of effects; the commands at its end."""

import shlex
from collections.abc import Iterable

from harness.model import (
    HEADLINE_METRICS,
    MACHINE_STATE,
    ArmEffect,
    CombinedRungs,
    Comparison,
    Ladder,
    LadderStep,
    MainEffect,
    RungEffect,
    Summary,
)
from harness.model.tools import ImportedRun
from harness.report.cells import is_undecided_by_correction
from harness.report.format import percent_interval

PROGRAM_NAME = "barehop"
NUMBERS_HEADING = "The numbers"  # of the section with the table of arms
SCREEN_HEADING = "Which settings matter?"
ELSEWHERE = "elsewhere"  # imported runs without a place
P99 = 99.0
MIN_GAIN = 1.1  # of interleaving, that is worth mentioning
OUR_CLIENT = "client"


def resume_command(summary: Summary, directory: str, command: str = PROGRAM_NAME) -> str:
    """Return the command that resumes the run in `directory`."""
    link = f" --from {shlex.quote(summary.served_from)}" if summary.served_from else ""
    return f"{command} run --resume {shlex.quote(directory)}{link}{_allow_global_option(summary)}"


def repeat_command(summary: Summary, experiment: str, command: str = PROGRAM_NAME) -> str:
    """Return the command that repeats the run, with its overrides."""
    if summary.served_from:
        return f"{command} run --from {shlex.quote(summary.served_from)}"
    overridden = "".join(f" --set {shlex.quote(override)}" for override in summary.overrides)
    return f"{command} run {shlex.quote(experiment)}{overridden}{_allow_global_option(summary)}"


def _allow_global_option(summary: Summary) -> str:
    return " --allow-global" if summary.allow_global else ""


def headline_metric(summary: Summary) -> str:
    """Return the metric of the run's main question."""
    return next((c.metric for c in summary.comparisons if c.metric in HEADLINE_METRICS), "latency")


def depends_on_state(summary: Summary) -> bool:
    """Return whether any effect depends on the machine's state: then drift does not cancel out."""
    return any(doubt.kind == MACHINE_STATE for doubt in summary.doubts)


def main_comparisons(summary: Summary, metric: str | None = None) -> list[Comparison]:
    """Return the comparisons of `metric` (default: the headline metric) without the controls."""
    return [
        c
        for c in summary.comparisons
        if c.metric == (metric or headline_metric(summary)) and not is_control(summary, c)
    ]


def control_comparisons(summary: Summary, metric: str | None = None) -> list[Comparison]:
    """Return the comparisons of controls in `metric` (default: the headline metric)."""
    return [
        c for c in summary.comparisons if c.metric == (metric or headline_metric(summary)) and is_control(summary, c)
    ]


def is_control(summary: Summary, comparison: Comparison) -> bool:
    """Return whether the compared arm is a control."""
    return summary.arms[comparison.arm].control_of is not None


def has_verdict(effect: Comparison | MainEffect) -> bool:
    """Return whether the effect has a verdict and an interval."""
    return effect.verdict is not None and percent_interval(effect) is not None


def group_by_root(comparisons: Iterable[Comparison]) -> dict[str, list[Comparison]]:
    """Return the comparisons by the reference at the end of their chain: on a ladder, its bottom."""
    pairs = list(comparisons)
    lower = {comparison.arm: comparison.against for comparison in pairs}
    groups: dict[str, list[Comparison]] = {}
    for comparison in pairs:
        root = comparison.against
        while root in lower:
            root = lower[root]
        groups.setdefault(root, []).append(comparison)
    return groups


def group_by_reference(comparisons: Iterable[Comparison]) -> dict[str, list[Comparison]]:
    """Return the comparisons by their reference, in order."""
    groups: dict[str, list[Comparison]] = {}
    for comparison in comparisons:
        groups.setdefault(comparison.against, []).append(comparison)
    return groups


def has_several_references(effects: Iterable[ArmEffect]) -> bool:
    """Return whether an arm is compared with several references: then its name alone does not say with which."""
    pairs = {(effect.arm, effect.against) for effect in effects}
    return len(pairs) > len({arm for arm, _ in pairs})


def is_kept_undecided_by_holm(summary: Summary, comparison: Comparison) -> bool:
    """Return whether the unadjusted interval excludes zero and only Holm's correction keeps the verdict undecided."""
    return holm_comparison_count(summary) > 1 and is_undecided_by_correction(comparison)


def holm_comparison_count(summary: Summary) -> int:
    """Return the number of comparisons that Holm's correction covers."""
    return sum(c.metric in HEADLINE_METRICS and c.p_adjusted is not None for c in summary.comparisons)


def main_effects(summary: Summary) -> tuple[list[MainEffect], str]:
    """Return the main effects in the headline metric, and that metric."""
    metric = next((effect.metric for effect in summary.main_effects), "latency")
    return [effect for effect in summary.main_effects if effect.metric == metric], metric


def effect_name(effect: MainEffect) -> str:
    """Return `tcp_sack=0`, followed by the levels of other compared factors."""
    return ", ".join([effect.arm, *effect.where.values()])


def level_with_unit(factor: str, level: object) -> str:
    """Return the level of a factor, with its unit unless the factor's name has it: `3150 requests/s`."""
    if factor != "rate":
        return str(level)
    return "closed loop" if level == "0" else f"{level} requests/s"


def ladder_title(ladder: Ladder) -> str:
    """Return `tcp` or `tcp, upstream_keepalive 16`."""
    return ", ".join(
        [ladder.transport, *(f"{key} {level_with_unit(key, level)}" for key, level in ladder.where.items())]
    )


def rung_name(climb: RungEffect) -> str:
    """Return the name of the rung, or of the arm if it has several rungs."""
    return climb.rungs[0] if len(climb.rungs) == 1 else climb.arm


def largest_bundle(ladder: Ladder) -> CombinedRungs | None:
    """Return the arm with the most rungs at once, which is closest to a container."""
    return max(ladder.together, key=lambda bundle: len(bundle.measured.rungs), default=None)


def identity_sentence(identity: str) -> str:
    """Return the sentence with the id of results, for citations; empty where it is unknown."""
    return f"Results {identity}, which {PROGRAM_NAME} verify checks." if identity else ""


def summed_steps(ladder: Ladder) -> list[LadderStep]:
    """Return the steps that make up the whole; all steps if there is no whole or no sum."""
    bundle = largest_bundle(ladder)
    return [step for step in ladder.steps if not (bundle and bundle.parts) or step.arm in bundle.parts]


def group_by_architecture(runs: Iterable[ImportedRun]) -> dict[str, list[ImportedRun]]:
    """Return the runs by "place: architecture"."""
    groups: dict[str, list[ImportedRun]] = {}
    for run in runs:
        groups.setdefault(run_name(run), []).append(run)
    return groups


def run_name(run: ImportedRun) -> str:
    """Return "place: architecture" of a run."""
    return f"{run.where or ELSEWHERE}: {run.architecture}"


def known_values(values: Iterable[float | None]) -> list[float]:
    """Return the values that are known."""
    return [value for value in values if value is not None]
