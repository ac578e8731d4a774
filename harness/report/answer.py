"""The answer in one sentence, and what holds for all arms."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from harness.experiment.transports import arm_transport, transports
from harness.model import METRICS, ArmSummary, Comparison, Design, Settings, Summary
from harness.model.settings import flatten_tables, varying_keys
from harness.report.format import (
    VERDICTS,
    capitalize_first,
    format_percent,
    format_significant,
    interval_numbers,
    join_with_and,
    percent_interval,
    percent_with_interval,
    pluralize,
    size_with_interval,
    us_interval,
    verdict_clause,
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
MAX_BRIEF = 6  # comparisons in another metric that a sentence names; of more, the smallest and the largest
MAX_GROUPED = 12  # comparisons beyond which the answer only counts verdicts


def summary_answer(summary: Summary, design: Design | None) -> str:
    """Return every verdict in one sentence: with all numbers if they are few, else grouped by verdict, or counted."""
    if summary.main_effects:
        return screen_answer(summary, design)
    if summary.ladders:
        return ladder_answer(summary, design)
    comparisons = main_comparisons(summary)
    if not comparisons:
        return "Nothing was compared: the reference is the only arm."
    if text := _uniform_answer(summary, comparisons):
        return text
    if len(comparisons) > MAX_GROUPED:
        return counted_answer(comparisons, design)
    if len(comparisons) > MAX_DETAILED:
        return grouped_answer(comparisons, design)
    judged = group_by_reference(filter(has_verdict, comparisons)).values()
    clauses = [
        _clause(summary, design, comparison, is_first=comparison is group[0])
        for group in judged
        for comparison in group
    ]
    text = "; ".join([*clauses, *_no_verdict_clauses(comparisons)])
    # a first word that is the arm's name keeps its small letter
    return f"{text if text.startswith(f'{comparisons[0].arm} is ') else capitalize_first(text)}."


def counted_answer(comparisons: Sequence[Comparison], design: Design | None) -> str:
    """Return `16 comparisons: 11 are faster, 4 are equivalent within 1 % and 1 is undecided.`"""
    verdicts = verdict_counts([c.verdict for c in comparisons], design)
    return f"{pluralize(len(comparisons), 'comparison')}: {verdicts}."


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
        if not same:
            continue
        reasons = "; ".join(dict.fromkeys(c.why.rstrip(".") for c in same if verdict is None and c.why))
        after = f" ({reasons})" if reasons else decide if verdict == "undecided" else ""
        phrase = verdict_phrase(verdict, len(same), design, same[0].metric)
        yield f"{join_with_and(list(map(_brief, same)))} {phrase}{after}"


def _brief(comparison: Comparison) -> str:
    """Return `uds-dir (-10.4 %)`, or only the name without a verdict."""
    estimate = percent_interval(comparison) if comparison.verdict else None
    return f"{comparison.arm} ({format_percent(estimate)})" if estimate else comparison.arm


def metric_sentence(summary: Summary, metric: str) -> str:
    """Return the differences in another metric in one sentence, of many the smallest and the largest; or empty."""
    comparisons = [c for c in main_comparisons(summary, metric) if has_verdict(c)]
    if len(comparisons) > MAX_BRIEF:
        lowest, *_, highest = sorted(comparisons, key=lambda comparison: comparison.percent or 0)
        ends = f"{_brief(lowest)} to {_brief(highest)}"
        return f"{METRICS[metric].title}, {pluralize(len(comparisons), 'comparison')}: {ends}."
    describe = _arm_difference if len(comparisons) <= 2 * MAX_DETAILED else _brief
    parts = [
        f"against {name}: {', '.join(map(describe, group))}" for name, group in group_by_reference(comparisons).items()
    ]
    return f"{METRICS[metric].title} {'; '.join(parts)}." if parts else ""


def _arm_difference(comparison: Comparison) -> str:
    estimate = percent_interval(comparison)
    return f"{comparison.arm} {percent_with_interval(estimate, named=False)}" if estimate else comparison.arm


def _clause(summary: Summary, design: Design | None, comparison: Comparison, *, is_first: bool) -> str:
    """Return one verdict. Only the first clause of a reference names it and explains the interval."""
    clause = verdict_clause(
        comparison, design, _subject(summary, comparison), comparison.against if is_first else "", named=is_first
    )
    if comparison.verdict == "undecided":
        return clause
    us = us_interval(comparison)
    if us is None or comparison.verdict == "equivalent":
        return f"{clause}{_rates_clause(summary, comparison)}"
    amount = f"{clause}, {interval_numbers(us, 0)[0].lstrip('+-')} us"
    reference = summary.arms[comparison.against]
    typical_us = reference.p50_us or reference.mean_us  # stolen time is in the mean, not in the difference
    if typical_us is None or not is_first:
        return amount
    joint = "of" if us.value < 0 else "on top of"
    return f"{amount} {joint} {format_significant(typical_us, 3)} us per request"


def _rates_clause(summary: Summary, comparison: Comparison) -> str:
    """Return `, 4812 instead of 3360 requests/s` if both arms have a capacity."""
    rates = {capacity.arm: format_significant(capacity.per_s.value, 4) for capacity in summary.capacities}
    if not {comparison.arm, comparison.against} <= rates.keys():
        return ""
    return f", {rates[comparison.arm]} instead of {rates[comparison.against]} requests/s"


def _subject(summary: Summary, comparison: Comparison) -> str:
    """Return the arm's name, after a description of its hop if it differs in nothing else."""
    ours, theirs = (summary.arms[name].settings for name in (comparison.arm, comparison.against))
    hop = transports().get(arm_transport(ours))
    return (
        f"{hop.label} ({comparison.arm})" if hop and varying_keys([ours, theirs]) == ["transport"] else comparison.arm
    )


def _no_verdict_clauses(comparisons: Sequence[Comparison]) -> Iterator[str]:
    left = [c for c in comparisons if not has_verdict(c)]
    for (against, why), group in groupby(left, lambda c: (c.against, c.why.rstrip("."))):
        reason = f": {why}" if why else ""
        yield f"no verdict on {join_with_and([c.arm for c in group])} against {against}{reason}"


# The same change in each of several cases


def _uniform_answer(summary: Summary, comparisons: Sequence[Comparison]) -> str:
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
    least, *_, most = sorted(comparisons, key=lambda comparison: abs(comparison.percent or 0.0))
    sizes = f"{_size_in_case(least, named=True)} to {_size_in_case(most, named=False).removeprefix('by ')}"
    is_so = verdict_phrase(verdict, 1, None, comparisons[0].metric)
    return f"{change[0]} {is_so} than {change[1]} in all {len(comparisons)} cases, {sizes}."


def _setting_change(arms: Mapping[str, ArmSummary], comparison: Comparison) -> tuple[str, str] | None:
    """Return the value of the only setting that differs, here and at the reference; None if there is none.

    None also where the values are not plain.
    """
    tables = [
        flatten_tables(DEFAULT_SETTINGS | arms[name].settings, SETTING_TABLES)
        for name in (comparison.arm, comparison.against)
    ]
    differing = varying_keys(tables)
    values = [table.get(key) for key in differing for table in tables]
    if len(differing) != 1 or not all(isinstance(value, PLAIN_TYPES) and "/" not in str(value) for value in values):
        return None
    name = "" if differing[0] == SELF_EXPLANATORY else f"{differing[0]} = "
    ours, theirs = (name + json.dumps(value).strip('"') for value in values)
    return ours, theirs


def _case(comparison: Comparison) -> str:
    """Return what the two arms' names have in common if one part differs, else nothing."""
    ours, theirs = (name.split("/") for name in (comparison.arm, comparison.against))
    differing = [index for index, (a, b) in enumerate(zip(theirs, ours, strict=False)) if a != b]
    if len(ours) != len(theirs) or len(differing) != 1:
        return ""
    return "/".join(part for index, part in enumerate(theirs) if index != differing[0])


def _size_in_case(comparison: Comparison, *, named: bool) -> str:
    """Return `by 6.9 % (3.6 to 10.2) at 2/split`."""
    estimate = percent_interval(comparison)
    assert estimate is not None  # the caller has looked
    return f"{size_with_interval(estimate, named=named)} at {_case(comparison)}"
