"""The report as text for the terminal: answer, numbers, notes, causes, doubts and next steps."""

import shlex
from collections.abc import Iterable, Iterator

from rich.console import RenderableType

from harness.analysis.calibration import Calibration
from harness.model import Design, Summary
from harness.report import caveats, page, seed, sentences
from harness.report.applications import application_lines
from harness.report.arrangement import foreseen
from harness.report.calibration import mention
from harness.report.commands import NAME, completing, repeating
from harness.report.doubts import Fold, folded
from harness.report.ladder.sentences import ladder_note
from harness.report.page import Paragraph, heading, verbatim
from harness.report.sections import sections_of
from harness.report.sheet import Section
from harness.report.tables import ArmTables, PlainTable, SheetTable
from harness.report.why.sentences import why
from harness.report.why.tables import counter_rows, difference_tables, waterfall_rows

MAX_COUNTER_COLUMNS = 6  # of the counter table; with more arms, only the other formats show it


def render(
    summary: Summary,
    design: Design | None,
    *,
    command: str = NAME,
    width: int | None = None,
    color: bool = False,
) -> str:
    """Return the whole report as text; the commands at its end begin with `command`.

    `width` None is the width of the terminal; without `color` there are no escape codes.
    """
    parts = [
        *_summary_head(summary, design),
        ArmTables(summary),
        *_notes(summary, design),
        *in_sections(sections_of(summary, design, beyond_p90=True)),
        *_why(summary),
        *seed.section(summary),
        *_doubts(summary),
        *_next_steps(summary, command),
    ]
    return page.render(parts, width=width, color=color)


def _summary_head(summary: Summary, design: Design | None) -> Iterator[RenderableType]:
    first = caveats.first_line(summary)
    if first:
        yield Paragraph(first, style="bold yellow" if summary.valid else "bold red")
        yield ""
    if summary.question:
        yield Paragraph(summary.question, style="italic")
        yield ""
    yield Paragraph(sentences.answer(summary, design), style="bold")
    yield ""


def _notes(summary: Summary, design: Design | None) -> Iterator[RenderableType]:
    holm = caveats.holm_note(summary)
    starred = [f"* {holm}"] if holm else []
    notes = [*starred, ladder_note(summary), *caveats.absences(summary), *caveats.disagreements(summary)]
    notes += [sentences.cpu(summary), sentences.throughput(summary)]
    yield ""
    calibrated = [mention(Calibration.model_validate(summary.calibration))] if summary.calibration else []
    for note in [*filter(None, notes), caveats.effort(summary, design), *_pilot_notes(summary), *calibrated]:
        yield Paragraph(note, indent="  ")


def _pilot_notes(summary: Summary) -> Iterator[str]:
    if summary.schedule and summary.pilot:
        yield foreseen(summary.schedule, summary.pilot)


def in_sections(sections: Iterable[Section]) -> Iterator[RenderableType]:
    """Yield each section: heading, sentences, tables."""
    for section in sections:
        yield ""
        yield heading(section.heading)
        for sentence in section.sentences:
            yield Paragraph(sentence, first_indent="- ", indent="  ")
        for sheet in section.tables:
            yield ""
            yield Paragraph(sheet.caption, style="italic")
            yield SheetTable(sheet)


def _why(summary: Summary) -> Iterator[RenderableType]:
    """Yield the parts of the differences, a paragraph for each cause, the waterfalls and the main counters."""
    sentences = why(summary)
    if sentences:
        yield ""
        yield heading("Why")
    for header, rows in difference_tables(summary):
        yield PlainTable(header, rows)
        yield ""
    for sentence in sentences:
        yield Paragraph(sentence, first_indent="- ", indent="  ")
    for waterfall in summary.waterfalls:
        yield ""
        yield PlainTable((f"where the time of {waterfall.arm} goes", "us per request"), waterfall_rows(waterfall))
    header, rows = counter_rows(summary, chief=True)
    if rows and len(header) <= MAX_COUNTER_COLUMNS:
        yield ""
        yield PlainTable(header, rows)


def _doubts(summary: Summary) -> Iterator[RenderableType]:
    folds = folded(summary)
    if not folds:
        return
    yield ""
    yield heading("Doubts")
    for fold in folds:
        yield from _doubt(fold)


def _doubt(fold: Fold) -> Iterator[RenderableType]:
    where = f" ({fold.where})" if fold.where else ""
    yield Paragraph(f"{fold.kind}{where}: {fold.seen}.", first_indent="- ", indent="  ")
    yield Paragraph(fold.advice, style="dim", first_indent="  ", indent="  ")


def _next_steps(summary: Summary, command: str) -> Iterator[RenderableType]:
    directory = summary.directory
    yield ""
    yield from (verbatim(f"Application    {line}") for line in application_lines(summary))
    yield verbatim(f"Results        {directory}")
    yield verbatim(f"Report (HTML)  {directory}/report.html")
    if summary.sessions < summary.planned_sessions:
        yield verbatim(f"Resume         {completing(summary, directory, command)}")
    yield verbatim(f"Repeat         {repeating(summary, f'{directory}/experiment.toml', command)}")
    yield verbatim(f"Re-print       {command} report {shlex.quote(directory)}")
