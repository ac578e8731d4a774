"""The report as Markdown for a pull request: answer, one table, notes, causes and doubts."""

import re
from collections.abc import Iterable, Iterator, Sequence

from harness.model import HEADLINE, ArmSummary, Comparison, Design, Summary
from harness.report import caveats, sentences
from harness.report.applications import application_note
from harness.report.doubts import folded
from harness.report.ladder.sentences import ladder_note
from harness.report.sections import sections_of
from harness.report.selection import by_root, kept_undecided
from harness.report.sheet import ABSENT, WORDS, Section, difference_cell, joined, milliseconds, rate, verdict_text
from harness.report.why.sentences import why
from harness.report.why.tables import counter_rows, difference_tables, waterfall_rows
from harness.report.wording import difference, percent_of, us_of

COLUMNS = {  # header: alignment
    "arm": ":--",
    "requests/s": "--:",
    "ms/request": "--:",
    "p99 ms": "--:",
    "CPU us (nginx + app)": "--:",
    "difference (95 % interval)": "--:",
    "us (95 % interval)": "--:",
    "verdict": ":--",
}
CODE = re.compile(r"(`[^`]*`)")
SPECIAL = re.compile(r"([\\*\[\]<>|~]|(?<![^\W_])_|_(?![^\W_]))")  # not an underscore inside a word

Cells = tuple[str, ...]


def render_markdown(summary: Summary, design: Design | None) -> str:
    """Return the report in GitHub-flavoured Markdown. Without `design` it names no margin."""
    blocks = [
        *_summary_head(summary, design),
        _arm_table(summary),
        *_notes(summary, design),
        *in_sections(sections_of(summary, design)),
        *_why(summary),
        *_doubts(summary),
    ]
    return "\n\n".join(blocks) + "\n"


def escaped(text: str) -> str:
    """Return `text` with special characters escaped; text between backticks stays code."""
    parts = CODE.split(text)
    return "".join(part if CODE.fullmatch(part) else SPECIAL.sub(r"\\\1", part) for part in parts)


def _summary_head(summary: Summary, design: Design | None) -> Iterator[str]:
    first = caveats.first_line(summary)
    if first:
        verdict, _, reasons = first.partition(". ")
        yield f"> [!WARNING]\n> **{verdict}.** {escaped(reasons)}"
    if summary.question:
        yield f"*{escaped(summary.question)}*"
    yield f"**{escaped(sentences.answer(summary, design))}**"


def _arm_table(summary: Summary) -> str:
    lines = [tuple(COLUMNS), tuple(COLUMNS.values()), *_arm_rows(summary)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _arm_rows(summary: Summary) -> Iterator[Cells]:
    """Yield each reference, then the arms compared with it."""
    comparisons = [comparison for comparison in summary.comparisons if comparison.metric in HEADLINE]
    for reference, group in by_root(comparisons).items():
        yield (*_measured_cells(reference, summary.arms[reference]), "", "", "reference")
        for comparison in group:
            yield (
                *_measured_cells(comparison.arm, summary.arms[comparison.arm]),
                *_compared_cells(summary, comparison),
            )


def _measured_cells(name: str, arm: ArmSummary) -> Cells:
    used_us = [f"{us:.0f}" for us in arm.cpu_us.values()]
    cpu = f"{sum(arm.cpu_us.values()):.0f} ({' + '.join(used_us)})" if used_us else ABSENT
    return escaped(name), rate(arm.requests_per_s), milliseconds(arm.mean_us), milliseconds(arm.p99_us), cpu


def _compared_cells(summary: Summary, comparison: Comparison) -> Cells:
    percent, us = percent_of(comparison), us_of(comparison)
    starred = kept_undecided(summary, comparison)
    return (
        difference(percent, named=False) if percent else ABSENT,
        joined(difference_cell(us, 0, "")),
        escaped(verdict_text(comparison.verdict, starred=starred)),
    )


def _notes(summary: Summary, design: Design | None) -> Iterator[str]:
    holm = caveats.holm_note(summary)
    notes = [
        f"* {holm}" if holm else "",
        ladder_note(summary),
        *caveats.absences(summary),
        *caveats.disagreements(summary),
        sentences.cpu(summary),
        sentences.throughput(summary),
        caveats.effort(summary, design),
        application_note(summary),
    ]
    yield "\n".join(f"- {escaped(note)}" for note in filter(None, notes))


def in_sections(sections: Iterable[Section]) -> Iterator[str]:
    """Yield each section: heading, sentences, tables."""
    for section in sections:
        yield f"**{escaped(section.heading)}**"
        yield "\n".join(f"- {escaped(sentence)}" for sentence in section.sentences)
        for sheet in section.tables:
            yield escaped(f"{sheet.caption}:")
            yield plain_table(list(map(_one_line, sheet.header)), [list(map(joined, row)) for row in sheet.rows])


def _one_line(header: str) -> str:
    name, _, lesser = header.partition("\n")
    return joined((name, lesser))


def _why(summary: Summary) -> Iterator[str]:
    causes = why(summary)
    if causes:
        yield "**Why**"
        yield from (plain_table(header, rows) for header, rows in difference_tables(summary))
        yield "\n".join(f"- {escaped(sentence)}" for sentence in causes)
    for waterfall in summary.waterfalls:
        yield plain_table((f"where the time of {waterfall.arm} goes", "us per request"), waterfall_rows(waterfall))
    header, rows = counter_rows(summary, chief=True)
    if rows:
        yield plain_table(header, rows)


def plain_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table with names and words on the left, numbers on the right."""
    lines = [header, (":--", *(":--" if name in WORDS else "--:" for name in header[1:])), *rows]
    return "\n".join(f"| {' | '.join(map(escaped, line))} |" for line in lines)


def _doubts(summary: Summary) -> Iterator[str]:
    folds = folded(summary)
    if folds:
        yield "**Doubts**"
        yield "\n".join(
            f"- **{fold.kind}**{f' ({escaped(fold.where)})' if fold.where else ''}: "
            f"{escaped(fold.seen)}. {escaped(fold.advice)}"
            for fold in folds
        )
