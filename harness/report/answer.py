"""The answer in one sentence, and what holds for all arms."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from harness.experiment.transports import arm_transport, transports
from harness.model import METRICS, ArmSummary, Comparison, Design, Settings, Summary
from harness.model.settings import flatten_tables, varying_keys
from harness.report.caveats import budget_clause
from harness.report.format import (
    VERDICTS,
    capitalize_first,
    format_percent,
    format_significant,
    interval_numbers,
    join_with_and,
    margin_phrase,
    percent_interval,
    percent_with_interval,
    pluralize,
    size_with_interval,
    us_interval,
    verdict_counts,
    verdict_phrase,
)
from harness.report.sections.ladder import ladder_answer
from harness.report.sections.screening import screen_answer
from harness.report.select import group_by_reference, has_verdict, main_comparisons

MIN_CASES = 3
SIGNIFICANT_VERDICTS = ("faster", "slower")
PLAIN_TYPES = (bool, int, float, str)
DEFAULT_SETTINGS = Settings().model_dump(mode="json")
SETTING_TABLES = ("knobs", "headers", "placement")
SELF_EXPLANATORY = "transport"  # the setting whose values need no name before them
MAX_DETAILED = 3  # comparisons that the answer gives with all their numbers
MAX_GROUPED = 12  # comparisons beyond which the answer only counts verdicts


@dataclass(frozen=True, slots=True)
class SettingChange:
    """The only setting in which an arm differs from its reference, with both values."""

    setting: str
    reference_value: str
    value: str


def uniform_answer(summary: Summary, comparisons: Sequence[Comparison]) -> str:
    """Return `uds-tmpfs is faster than tcp in all 8 cases, by 6.9 % (...) at 2/split to ...`, or nothing.

    All comparisons must change the same setting and have one verdict, each in another case, which the arms' names give.
    """
    changes = {_setting_change(summary.arms, comparison) for comparison in comparisons}
    cases = {_case(comparison) for comparison in comparisons}
    verdicts = {comparison.verdict for comparison in comparisons}
    if len(comparisons) < MIN_CASES or len(changes) != 1 or len(cases) != len(comparisons) or len(verdicts) != 1:
        return ""
    (change,), (verdict,) = changes, verdicts
    is_complete = "" not in cases and all(percent_interval(comparison) for comparison in comparisons)
    if change is None or verdict not in SIGNIFICANT_VERDICTS or not is_complete:
        return ""
    subject, reference = (_setting_text(change.setting, text) for text in (change.value, change.reference_value))
    least, *_, most = sorted(comparisons, key=lambda comparison: abs(comparison.percent or 0.0))
    sizes = f"{_size_in_case(least, named=True)} to {_size_in_case(most, named=False).removeprefix('by ')}"
    return f"{subject} is {verdict} than {reference} in all {len(comparisons)} cases, {sizes}."


def _setting_change(arms: Mapping[str, ArmSummary], comparison: Comparison) -> SettingChange | None:
    """Return None where several settings differ, or one with values that are not plain."""
    ours, theirs = (
        flatten_tables(DEFAULT_SETTINGS | arms[name].settings, SETTING_TABLES)
        for name in (comparison.arm, comparison.against)
    )
    differing = varying_keys([theirs, ours])
    if len(differing) != 1:
        return None
    values = [settings.get(differing[0]) for settings in (theirs, ours)]
    if not all(isinstance(value, PLAIN_TYPES) and "/" not in str(value) for value in values):
        return None
    return SettingChange(differing[0], *(json.dumps(value).strip('"') for value in values))


def _case(comparison: Comparison) -> str:
    """Return what the two arms' names have in common if one part differs, else nothing."""
    ours, theirs = (name.split("/") for name in (comparison.arm, comparison.against))
    differing = [index for index, (a, b) in enumerate(zip(theirs, ours, strict=False)) if a != b]
    if len(ours) != len(theirs) or len(differing) != 1:
        return ""
    return "/".join(part for index, part in enumerate(theirs) if index != differing[0])


def _setting_text(setting: str, value: str) -> str:
    return value if setting == SELF_EXPLANATORY else f"{setting} = {value}"


def _size_in_case(comparison: Comparison, *, named: bool) -> str:
    """Return `by 6.9 % (3.6 to 10.2) at 2/split`."""
    estimate = percent_interval(comparison)
    assert estimate is not None  # the caller has looked
    return f"{size_with_interval(estimate, named=named)} at {_case(comparison)}"


def grouped_answer(comparisons: Sequence[Comparison], design: Design | None, decide: str = "") -> str:
    """Return `Compared with tcp, a (-9.1 %) and b (-8.7 %) are faster; c (+0.3 %) is undecided; compared with ...`.

    `decide` follows the undecided: what would decide them.
    """
    clauses = [
        f"compared with {against}, {'; '.join(_verdict_clauses(group, design, decide))}"
        for against, group in group_by_reference(comparisons).items()
    ]
    return f"{capitalize_first('; '.join(clauses))}."


def _verdict_clauses(group: Sequence[Comparison], design: Design | None, decide: str) -> Iterator[str]:
    for verdict in VERDICTS:
        same = [c for c in group if c.verdict == verdict]
        if same:
            names = join_with_and([brief_comparison(c) for c in same])
            yield f"{names} {verdict_phrase(verdict, len(same), design)}{_reasons(same, decide)}"


def counted_answer(comparisons: Sequence[Comparison], design: Design | None) -> str:
    """Return `16 comparisons: 11 are faster, 4 are equivalent within 1 % and 1 is undecided.`"""
    verdicts = verdict_counts([c.verdict for c in comparisons], design)
    return f"{pluralize(len(comparisons), 'comparison')}: {verdicts}."


def _reasons(group: Sequence[Comparison], decide: str) -> str:
    """Return what would decide the undecided, or why there is no verdict."""
    reasons = "; ".join(dict.fromkeys(c.why.rstrip(".") for c in group if c.verdict is None and c.why))
    return f" ({reasons})" if reasons else decide if group[0].verdict == "undecided" else ""


def brief_comparison(comparison: Comparison) -> str:
    """Return `uds-dir (-10.4 %)`, or only the name without a verdict."""
    estimate = percent_interval(comparison)
    if estimate is None or comparison.verdict is None:
        return comparison.arm
    return f"{comparison.arm} ({format_percent(estimate)})"


def summary_answer(summary: Summary, design: Design | None) -> str:
    """Return every verdict in one sentence: with all numbers if they are few, else grouped by verdict, or counted."""
    if summary.main_effects:
        return screen_answer(summary, design)
    if summary.ladders:
        return ladder_answer(summary, design)
    comparisons = main_comparisons(summary)
    if not comparisons:
        return "Nothing was compared: the reference is the only arm."
    text = uniform_answer(summary, comparisons)
    if text:
        return text
    if len(comparisons) > MAX_GROUPED:
        return counted_answer(comparisons, design)
    if len(comparisons) > MAX_DETAILED:
        return grouped_answer(comparisons, design, budget_clause(summary))
    clauses = [*_clauses(summary, design, filter(has_verdict, comparisons)), *_no_verdict_clauses(comparisons)]
    return _sentence("; ".join(clauses), comparisons[0].arm)


def cpu_sentence(summary: Summary) -> str:
    """Return the CPU time against each reference in one sentence; empty without CPU times and for a ladder."""
    return "" if summary.ladders else _metric_sentence(summary, "cpu")


def throughput_sentence(summary: Summary) -> str:
    """Return the throughput against each reference in one sentence; empty where it was not compared."""
    return _metric_sentence(summary, "throughput")


def _metric_sentence(summary: Summary, metric: str) -> str:
    comparisons = [c for c in main_comparisons(summary, metric) if has_verdict(c)]
    if not comparisons:
        return ""
    describe = _arm_difference if len(comparisons) <= 2 * MAX_DETAILED else brief_comparison
    parts = [
        f"against {name}: {', '.join(map(describe, group))}" for name, group in group_by_reference(comparisons).items()
    ]
    return f"{METRICS[metric].title} {'; '.join(parts)}."


def _arm_difference(comparison: Comparison) -> str:
    estimate = percent_interval(comparison)
    return f"{comparison.arm} {percent_with_interval(estimate, named=False)}" if estimate else comparison.arm


def _clauses(summary: Summary, design: Design | None, judged: Iterable[Comparison]) -> Iterator[str]:
    for group in group_by_reference(judged).values():
        yield from (_clause(summary, design, comparison, first=comparison is group[0]) for comparison in group)


def _clause(summary: Summary, design: Design | None, comparison: Comparison, *, first: bool) -> str:
    """Return one verdict. Only the `first` clause of a reference names it and explains the interval."""
    estimate = percent_interval(comparison)
    assert estimate is not None
    subject = _subject(summary, comparison)
    than, to = (f" than {comparison.against}", f" to {comparison.against}") if first else ("", "")
    if comparison.verdict == "equivalent":
        return f"{subject} is equivalent{to}{margin_phrase(design)}: {percent_with_interval(estimate, named=first)}"
    if comparison.verdict == "undecided":
        interval = percent_with_interval(estimate, named=first) + budget_clause(summary)
        return f"whether {subject} is faster or slower{than} is undecided: {interval}"
    us = _us_phrase(comparison, summary.arms[comparison.against], whole=first)
    return f"{subject} is {comparison.verdict}{than} {size_with_interval(estimate, named=first)}{us}"


def _subject(summary: Summary, comparison: Comparison) -> str:
    """Return the arm's name, after a description of its hop if it differs in nothing else."""
    mine, other = (summary.arms[name].settings for name in (comparison.arm, comparison.against))
    differing = varying_keys([mine, other])
    hop = transports().get(arm_transport(mine))
    return f"{hop.label} ({comparison.arm})" if hop and differing == ["transport"] else comparison.arm


def _us_phrase(comparison: Comparison, reference: ArmSummary, *, whole: bool) -> str:
    us = us_interval(comparison)
    if us is None:
        return ""
    amount = f", {interval_numbers(us, 0)[0].lstrip('+-')} us"
    typical_us = reference.p50_us or reference.mean_us  # stolen time is in the mean, not in the difference
    if typical_us is None or not whole:
        return amount
    joint = "of" if us.value < 0 else "on top of"
    return f"{amount} {joint} {format_significant(typical_us, 3)} us per request"


def _no_verdict_clauses(comparisons: Sequence[Comparison]) -> Iterator[str]:
    left = [c for c in comparisons if not has_verdict(c)]
    for (against, why), group in groupby(left, lambda c: (c.against, c.why.rstrip("."))):
        reason = f": {why}" if why else ""
        yield f"no verdict on {join_with_and([c.arm for c in group])} against {against}{reason}"


def _sentence(text: str, arm: str) -> str:
    """Return `text` as a sentence. A first word that is the arm's name keeps its small letter."""
    return f"{text if text.startswith(f'{arm} is ') else capitalize_first(text)}."
