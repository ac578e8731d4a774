"""The report of `barehop advise`: which kernel settings help, which do not matter, harm, or are undecided."""

from collections.abc import Iterator, Sequence

from harness.analysis.contrasts.knob_advice import UNSET, Advice, KnobAdvice, KnobEffect, Standing
from harness.model import HEADLINE_METRICS, METRICS
from harness.report.cells import EFFECT_COLUMNS, effect_cells, star_notes
from harness.report.document import Cell, Column, Fact, Report, Row, Section, Table, TextCell
from harness.report.export.sysctl_file import best_changes, render_sysctl
from harness.report.format import (
    format_duration,
    join_with_and,
    percent_interval,
    pluralize,
    size_with_interval,
    verdict_word,
)
from harness.report.select import PROGRAM_NAME, identity_sentence

MAX_NAMED = 4  # settings that the answer names
OUT_OF_REACH = "not in a day"
HEADINGS: dict[Standing, str] = {
    "helps": "Helps for certain",
    "trade-off": "Helps here and harms there",
    "harms": "Harms",
    "undecided": "Undecided",
    "equivalent": "Equivalent: not worth a change",
}
LOOPBACK = (
    "Loopback neither loses nor reorders packets. A setting for lossy or distant networks, like tcp_sack, can be "
    "equivalent here and matter there: do not turn it off because of this result."
)
NAMESPACE = (
    "Settings of the network were measured in a network namespace of their own. On the host they change every "
    "connection, also those that were not measured."
)


def advice_report(advice: Advice) -> Report:
    """Return the report; each group of changes is a section with its evidence."""
    sections = [
        section for standing, heading in HEADINGS.items() for section in _standing_sections(advice, standing, heading)
    ]
    return Report(
        title=f"{advice.experiment}, advice",
        warning="" if advice.valid else "Not valid: follow no advice from this run. Its report says why.",
        is_valid=advice.valid,
        question=advice.question,
        answer=list(_answer(advice)),
        sections=[*sections, Section("What this does not cover", list(_limits(advice))), *_sysctl_sections(advice)],
        next_steps=list(_next_steps(advice)),
        identity=identity_sentence(advice.id),
    )


def _answer(advice: Advice) -> Iterator[str]:
    helpful = best_changes(advice)
    if not helpful:
        yield "No setting helps for certain."
    yield from (f"{change_name(change)} helps: {_gains(change, 'faster')}." for change in helpful[:MAX_NAMED])
    if len(helpful) > MAX_NAMED:
        yield f"{len(helpful) - MAX_NAMED} more help."
    for standing, verb in (("trade-off", "helps and harms"), ("harms", "harms")):
        for change in _of(advice, standing)[:MAX_NAMED]:
            yield f"{change_name(change)} {verb}: {_gains(change, 'faster', 'slower')}."
    if equivalent := _of(advice, "equivalent"):
        are = "is" if len(equivalent) == 1 else "are"
        number = f"{len(equivalent)} of {pluralize(len(advice.changes), 'change')}"
        yield f"{number} {are} equivalent within {advice.margin_percent:g} % and not worth making."
    if undecided := _of(advice, "undecided"):
        named = join_with_and([change_name(change) for change in undecided]) if len(undecided) <= MAX_NAMED else ""
        yield f"Undecided: {named or pluralize(len(undecided), 'change')}{_budget_clause(undecided)}."


def _of(advice: Advice, standing: str) -> list[KnobAdvice]:
    return [change for change in advice.changes if change.standing == standing]


def change_name(change: KnobAdvice) -> str:
    """Return `net.ipv4.tcp_sack=0`, or several knobs with "and"."""
    return join_with_and([f"{knob}={value}" for knob, value in change.at.items()])


def _gains(change: KnobAdvice, *verdicts: str) -> str:
    """Return the sizes of the effects with one of the `verdicts`, in CPU time only where time has none.

    `over tcp, the typical time per request is slower by 2 % (...)`
    """
    decided = [effect for effect in change.effects if effect.verdict in verdicts]
    of_time = [effect for effect in decided if effect.metric in HEADLINE_METRICS]
    return "; ".join(
        f"over {_place(effect)}, the {METRICS[effect.metric].label} is "
        f"{verdict_word(effect.verdict or '', effect.metric)} {size_with_interval(interval)}"
        for effect in (of_time if len({e.verdict for e in of_time}) == len({e.verdict for e in decided}) else decided)
        if (interval := percent_interval(effect))
    )


def _place(effect: KnobEffect) -> str:
    return ", ".join([effect.transport, *(f"{key.rpartition('.')[2]} {value}" for key, value in effect.where.items())])


def _budget_clause(changes: Sequence[KnobAdvice]) -> str:
    """Return the budget that decides everything in time; a verdict that no longer budget brings is told so."""
    open_effects = [effect for change in changes for effect in change.effects if _is_open(effect)]
    if not open_effects:
        return ""
    budgets = [effect.budget_s for effect in open_effects if effect.budget_s]
    if not budgets:
        return ". A longer budget would hardly decide it; a quieter machine would"
    rest = " some of it" if len(budgets) < len(open_effects) else " it"
    return f". About {format_duration(max(budgets))} (`--budget {max(budgets):.0f}`) would decide{rest}, an estimate"


def _is_open(effect: KnobEffect) -> bool:
    return effect.verdict == "undecided" and effect.metric in HEADLINE_METRICS


def _standing_sections(advice: Advice, standing: Standing, heading: str) -> Iterator[Section]:
    changes = _of(advice, standing)
    if not changes:
        return
    tables = [
        _table(METRICS[metric].title, changes, metric)
        for metric in dict.fromkeys(effect.metric for change in changes for effect in change.effects)
    ]
    yield Section(heading, list(_remarks(changes)), tables, star_notes(tables))


def _table(caption: str, changes: Sequence[KnobAdvice], metric: str) -> Table:
    """Return a row for each effect of `changes` in `metric`; with the budget where one is undecided."""
    effects = [(change, effect) for change in changes for effect in change.effects if effect.metric == metric]
    has_budgets = any(_is_open(effect) for _, effect in effects)
    columns = [Column("setting"), Column("over"), *EFFECT_COLUMNS, *([Column("would decide")] if has_budgets else [])]
    rows = []
    for change, effect in effects:
        cells: list[Cell] = [
            TextCell(change_name(change), f"instead of {_base_text(change)}"),
            TextCell(_place(effect)),
        ]
        cells += effect_cells(effect)
        budget = f"--budget {effect.budget_s:.0f}" if effect.budget_s else OUT_OF_REACH
        cells += [TextCell(budget if _is_open(effect) else "")] if has_budgets else []
        rows.append(Row(cells))
    return Table(caption, columns, rows)


def _base_text(change: KnobAdvice) -> str:
    return ", ".join(change.base.values())


def _remarks(changes: Sequence[KnobAdvice]) -> Iterator[str]:
    for change in changes:
        mixed = dict.fromkeys(name for effect in change.effects for name in effect.mixed_with)
        if mixed:
            yield f"{change_name(change)} is confounded with {join_with_and(list(mixed))}."
        reasons = {(METRICS[effect.metric].label, effect.why) for effect in change.effects if effect.why}
        yield from (f"{change_name(change)}, {label}: {why}" for label, why in sorted(reasons))
        if len(change.at) > 1:
            yield f"{change_name(change)} were changed together: their shares are not known."


def _limits(advice: Advice) -> Iterator[str]:
    yield (
        f"Other loads: this is {advice.load}, over loopback. With more connections, larger answers or another "
        "application, measure again."
    )
    yield f"Other kernels and machines: this is kernel {advice.kernel}."
    if advice.is_screen:
        partly = max(effect.partly_mixed_with for change in advice.changes for effect in change.effects)
        mixed = f", and partly confounded with {pluralize(partly, 'interaction')}" if partly else ""
        yield (
            f"Combinations: each effect of this screen is an average over the other settings{mixed}. Confirm what you "
            "adopt in a factorial experiment of its own."
        )
    else:
        yield "Combinations: effects of several changes together need not add up. Measure the set that you adopt."
    if any(change.sysctls for change in advice.changes):
        yield LOOPBACK
        yield NAMESPACE


def _sysctl_sections(advice: Advice) -> Iterator[Section]:
    if any(change.sysctls for change in advice.changes):
        yield Section("A sysctl.d file to review", listing=render_sysctl(advice), is_detail=True)


def _next_steps(advice: Advice) -> Iterator[Fact]:
    if any(change.sysctls and UNSET not in change.at.values() for change in advice.changes):
        yield "sysctl.d file to review", f"{PROGRAM_NAME} advise {advice.directory} --sysctl -"
    yield "Evidence", f"{PROGRAM_NAME} report {advice.directory} --details"
