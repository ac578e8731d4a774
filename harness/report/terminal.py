"""Writes reports to the terminal."""

import shlex
from collections.abc import Iterable, Iterator

from rich.console import RenderableType

from harness.analysis.calibration import Calibration
from harness.model import Design, Summary
from harness.model.validation import Validation
from harness.report import answer, caveats, rich_tables
from harness.report.caveats import DoubtGroup, group_doubts
from harness.report.commands.machine import calibration_note
from harness.report.commands.plan import pilot_plan
from harness.report.rich_tables import ArmTables, Paragraph, SectionTable, TextTableView, bold_heading, verbatim
from harness.report.sections import optional_sections, seed
from harness.report.sections.failures import application_lines
from harness.report.sections.ladder import ladder_note
from harness.report.sections.validation import validation_answer, validation_sections, validation_warning
from harness.report.sections.why import cause_sentences, counter_rows, difference_tables, waterfall_rows
from harness.report.select import PROGRAM_NAME, repeat_command, resume_command
from harness.report.table import TextSection

MAX_COUNTER_COLUMNS = 6  # of the counter table; with more arms, only the other formats show it


def render_terminal(
    summary: Summary,
    design: Design | None,
    *,
    command: str = PROGRAM_NAME,
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
        *terminal_sections(optional_sections(summary, design, beyond_p90=True)),
        *_why(summary),
        *seed.seed_section(summary),
        *_doubts(summary),
        *_next_steps(summary, command),
    ]
    return rich_tables.render_parts(parts, width=width, color=color)


def _summary_head(summary: Summary, design: Design | None) -> Iterator[RenderableType]:
    first = caveats.reliability_warning(summary)
    if first:
        yield Paragraph(first, style="bold yellow" if summary.valid else "bold red")
        yield ""
    if summary.question:
        yield Paragraph(summary.question, style="italic")
        yield ""
    yield Paragraph(answer.summary_answer(summary, design), style="bold")
    yield ""


def _notes(summary: Summary, design: Design | None) -> Iterator[RenderableType]:
    holm = caveats.holm_note(summary)
    starred = [f"* {holm}"] if holm else []
    notes = [*starred, ladder_note(summary), *caveats.missing_numbers(summary), *caveats.contradictions(summary)]
    notes += [answer.cpu_sentence(summary), answer.throughput_sentence(summary)]
    yield ""
    calibrated = [calibration_note(Calibration.model_validate(summary.calibration))] if summary.calibration else []
    for note in [*filter(None, notes), caveats.effort_note(summary, design), *_pilot_notes(summary), *calibrated]:
        yield Paragraph(note, indent="  ")


def _pilot_notes(summary: Summary) -> Iterator[str]:
    if summary.schedule and summary.pilot:
        yield pilot_plan(summary.schedule, summary.pilot)


def terminal_sections(sections: Iterable[TextSection]) -> Iterator[RenderableType]:
    """Yield each section: heading, sentences, tables."""
    for section in sections:
        yield ""
        yield bold_heading(section.heading)
        for sentence in section.sentences:
            yield Paragraph(sentence, first_indent="- ", indent="  ")
        for sheet in section.tables:
            yield ""
            yield Paragraph(sheet.caption, style="italic")
            yield SectionTable(sheet)


def _why(summary: Summary) -> Iterator[RenderableType]:
    """Yield the parts of the differences, a paragraph for each cause, the waterfalls and the main counters."""
    sentences = cause_sentences(summary)
    if sentences:
        yield ""
        yield bold_heading("Why")
    for header, rows in difference_tables(summary):
        yield TextTableView(header, rows)
        yield ""
    for sentence in sentences:
        yield Paragraph(sentence, first_indent="- ", indent="  ")
    for waterfall in summary.waterfalls:
        yield ""
        yield TextTableView((f"where the time of {waterfall.arm} goes", "us per request"), waterfall_rows(waterfall))
    header, rows = counter_rows(summary, chief=True)
    if rows and len(header) <= MAX_COUNTER_COLUMNS:
        yield ""
        yield TextTableView(header, rows)


def _doubts(summary: Summary) -> Iterator[RenderableType]:
    folds = group_doubts(summary)
    if not folds:
        return
    yield ""
    yield bold_heading("Doubts")
    for fold in folds:
        yield from _doubt(fold)


def _doubt(fold: DoubtGroup) -> Iterator[RenderableType]:
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
        yield verbatim(f"Resume         {resume_command(summary, directory, command)}")
    yield verbatim(f"Repeat         {repeat_command(summary, f'{directory}/experiment.toml', command)}")
    yield verbatim(f"Re-print       {command} report {shlex.quote(directory)}")


def render_validation(validation: Validation, *, width: int | None = None, color: bool = False) -> str:
    """Return the validation as text. `width` None is the width of the terminal; without `color`: no escape codes."""
    parts = [*_validation_head(validation), *terminal_sections(validation_sections(validation))]
    return rich_tables.render_parts(parts, width=width, color=color)


def _validation_head(validation: Validation) -> Iterator[RenderableType]:
    text = validation_warning(validation)
    if text:
        yield Paragraph(text, style="bold red")
        yield ""
    yield Paragraph(validation_answer(validation), style="bold")
    yield Paragraph(f"Compared with {validation.experiment} in {validation.directory}.", style="dim")
