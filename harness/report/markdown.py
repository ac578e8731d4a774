"""Writes reports as Markdown."""

import re
from collections.abc import Iterable, Iterator, Sequence

from harness.model import HEADLINE_METRICS, ArmSummary, Comparison, Design, Summary
from harness.model.validation import Validation
from harness.report import answer, caveats
from harness.report.caveats import group_doubts
from harness.report.format import percent_interval, percent_with_interval, us_interval
from harness.report.sections import optional_sections
from harness.report.sections.failures import application_note
from harness.report.sections.ladder import ladder_note
from harness.report.sections.validation import validation_answer, validation_sections, validation_warning
from harness.report.sections.why import cause_sentences, counter_rows, difference_tables, waterfall_rows
from harness.report.select import group_by_root, is_kept_undecided_by_holm
from harness.report.table import (
    ABSENT,
    TEXT_COLUMNS,
    TextSection,
    cell_text,
    difference_cell,
    format_milliseconds,
    format_rate,
    verdict_text,
)

ARM_COLUMNS = {  # header: alignment
    "arm": ":--",
    "requests/s": "--:",
    "ms/request": "--:",
    "p99 ms": "--:",
    "CPU us (nginx + app)": "--:",
    "difference (95 % interval)": "--:",
    "us (95 % interval)": "--:",
    "verdict": ":--",
}
CODE_SPAN = re.compile(r"(`[^`]*`)")
SPECIAL_CHARACTERS = re.compile(r"([\\*\[\]<>|~]|(?<![^\W_])_|_(?![^\W_]))")  # not an underscore inside a word

MarkdownCells = tuple[str, ...]


def render_markdown(summary: Summary, design: Design | None) -> str:
    """Return the report in GitHub-flavoured Markdown. Without `design` it names no margin."""
    blocks = [
        *_summary_head(summary, design),
        _arm_table(summary),
        *_notes(summary, design),
        *markdown_sections(optional_sections(summary, design)),
        *_why(summary),
        *_doubts(summary),
    ]
    return "\n\n".join(blocks) + "\n"


def escape_markdown(text: str) -> str:
    """Return `text` with special characters escaped; text between backticks stays code."""
    parts = CODE_SPAN.split(text)
    return "".join(part if CODE_SPAN.fullmatch(part) else SPECIAL_CHARACTERS.sub(r"\\\1", part) for part in parts)


def _summary_head(summary: Summary, design: Design | None) -> Iterator[str]:
    first = caveats.reliability_warning(summary)
    if first:
        verdict, _, reasons = first.partition(". ")
        yield f"> [!WARNING]\n> **{verdict}.** {escape_markdown(reasons)}"
    if summary.question:
        yield f"*{escape_markdown(summary.question)}*"
    yield f"**{escape_markdown(answer.summary_answer(summary, design))}**"


def _arm_table(summary: Summary) -> str:
    lines = [tuple(ARM_COLUMNS), tuple(ARM_COLUMNS.values()), *_arm_rows(summary)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _arm_rows(summary: Summary) -> Iterator[MarkdownCells]:
    """Yield each reference, then the arms compared with it."""
    comparisons = [comparison for comparison in summary.comparisons if comparison.metric in HEADLINE_METRICS]
    for reference, group in group_by_root(comparisons).items():
        yield (*_measured_cells(reference, summary.arms[reference]), "", "", "reference")
        for comparison in group:
            yield (
                *_measured_cells(comparison.arm, summary.arms[comparison.arm]),
                *_compared_cells(summary, comparison),
            )


def _measured_cells(name: str, arm: ArmSummary) -> MarkdownCells:
    used_us = [f"{us:.0f}" for us in arm.cpu_us.values()]
    cpu = f"{sum(arm.cpu_us.values()):.0f} ({' + '.join(used_us)})" if used_us else ABSENT
    return (
        escape_markdown(name),
        format_rate(arm.requests_per_s),
        format_milliseconds(arm.mean_us),
        format_milliseconds(arm.p99_us),
        cpu,
    )


def _compared_cells(summary: Summary, comparison: Comparison) -> MarkdownCells:
    percent, us = percent_interval(comparison), us_interval(comparison)
    starred = is_kept_undecided_by_holm(summary, comparison)
    return (
        percent_with_interval(percent, named=False) if percent else ABSENT,
        cell_text(difference_cell(us, 0, "")),
        escape_markdown(verdict_text(comparison.verdict, starred=starred)),
    )


def _notes(summary: Summary, design: Design | None) -> Iterator[str]:
    holm = caveats.holm_note(summary)
    notes = [
        f"* {holm}" if holm else "",
        ladder_note(summary),
        *caveats.missing_numbers(summary),
        *caveats.contradictions(summary),
        answer.cpu_sentence(summary),
        answer.throughput_sentence(summary),
        caveats.effort_note(summary, design),
        application_note(summary),
    ]
    yield "\n".join(f"- {escape_markdown(note)}" for note in filter(None, notes))


def markdown_sections(sections: Iterable[TextSection]) -> Iterator[str]:
    """Yield each section: heading, sentences, tables."""
    for section in sections:
        yield f"**{escape_markdown(section.heading)}**"
        yield "\n".join(f"- {escape_markdown(sentence)}" for sentence in section.sentences)
        for sheet in section.tables:
            yield escape_markdown(f"{sheet.caption}:")
            yield markdown_table(list(map(_one_line, sheet.header)), [list(map(cell_text, row)) for row in sheet.rows])


def _one_line(header: str) -> str:
    name, _, lesser = header.partition("\n")
    return cell_text((name, lesser))


def _why(summary: Summary) -> Iterator[str]:
    causes = cause_sentences(summary)
    if causes:
        yield "**Why**"
        yield from (markdown_table(header, rows) for header, rows in difference_tables(summary))
        yield "\n".join(f"- {escape_markdown(sentence)}" for sentence in causes)
    for waterfall in summary.waterfalls:
        yield markdown_table((f"where the time of {waterfall.arm} goes", "us per request"), waterfall_rows(waterfall))
    header, rows = counter_rows(summary, chief=True)
    if rows:
        yield markdown_table(header, rows)


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table with names and words on the left, numbers on the right."""
    lines = [header, (":--", *(":--" if name in TEXT_COLUMNS else "--:" for name in header[1:])), *rows]
    return "\n".join(f"| {' | '.join(map(escape_markdown, line))} |" for line in lines)


def _doubts(summary: Summary) -> Iterator[str]:
    folds = group_doubts(summary)
    if folds:
        yield "**Doubts**"
        yield "\n".join(
            f"- **{fold.kind}**{f' ({escape_markdown(fold.where)})' if fold.where else ''}: "
            f"{escape_markdown(fold.seen)}. {escape_markdown(fold.advice)}"
            for fold in folds
        )


def render_validation_markdown(validation: Validation) -> str:
    """Return the validation in GitHub-flavoured Markdown."""
    return "\n\n".join([*_validation_head(validation), *markdown_sections(validation_sections(validation))]) + "\n"


def _validation_head(validation: Validation) -> Iterator[str]:
    text = validation_warning(validation)
    if text:
        yield f"> [!WARNING]\n> {escape_markdown(text)}"
    yield f"**{escape_markdown(validation_answer(validation))}**"
