"""The report of a run: warning, answer, table of arms, sections, doubts, next steps."""

import shlex
from collections.abc import Iterator
from dataclasses import replace

from harness.analysis.contrasts.rates import with_rates
from harness.model import Design, Summary
from harness.report import answer, caveats
from harness.report.commands.machine import calibration_note
from harness.report.commands.plan import pilot_plan
from harness.report.document import Fact, Report, Section
from harness.report.figures.intervals import forest_figure
from harness.report.format import format_minute
from harness.report.overview import overview_of
from harness.report.sections import run_sections
from harness.report.sections.arm_table import arm_table
from harness.report.sections.background import PageData, background_sections, layout_text
from harness.report.sections.failures import application_note
from harness.report.sections.ladder import ladder_note
from harness.report.select import (
    NUMBERS_HEADING,
    PROGRAM_NAME,
    headline_metric,
    identity_sentence,
    repeat_command,
    resume_command,
)


def report_of(
    summary: Summary, design: Design | None, *, command: str = PROGRAM_NAME, page: PageData | None = None
) -> Report:
    """Return the report. Without `design` it names no margin; the commands at its end begin with `command`.

    With the data of a `page` it has figures and the background, and its commands are for the directory of the page.
    """
    summary = with_rates(summary)
    report = Report(
        title=summary.experiment,
        warning=caveats.reliability_warning(summary),
        is_valid=summary.valid,
        question=summary.question,
        answer=[answer.summary_answer(summary, design)],
        certainty=list(_certainty(summary, design)),
        sections=[
            Section(NUMBERS_HEADING, tables=[arm_table(summary)], notes=list(_notes(summary))),
            *run_sections(summary, design, page.flames if page else ()),
        ],
        doubts=caveats.group_doubts(summary),
        next_steps=list(_next_steps(summary, command)),
        overview=overview_of(summary, design, tuple(_places(summary, command))),
        identity=identity_sentence(summary.id),
    )
    return _with_page(report, summary, page) if page else report


def _with_page(report: Report, summary: Summary, page: PageData) -> Report:
    started = format_minute(page.plots.started_utc)
    repeat = [("Repeat", f"`{repeat_command(summary, 'experiment.toml')}`"), ("Re-print", "`barehop report .`")]
    resume = [("Resume", f"`{resume_command(summary, '.')}`")] if summary.sessions < summary.planned_sessions else []
    next_steps = Section("Next steps", ["In the directory of this report:"], facts=[*resume, *repeat])
    return replace(
        report,
        title=f"{summary.experiment}, measured {started} UTC by barehop",
        question=summary.question or summary.experiment,
        figure=forest_figure(summary, page.plan.experiment.design, headline_metric(summary)),
        background=[*background_sections(summary, page), next_steps],
        next_steps=(),
    )


def _certainty(summary: Summary, design: Design | None) -> Iterator[str]:
    yield from caveats.control_sentences(summary, "equivalent")
    yield caveats.effort_note(summary, design)
    if summary.schedule and summary.pilot:
        yield pilot_plan(summary.schedule, summary.pilot)
    if design and (layout := layout_text(summary, design)):
        yield f"Memory layout: {layout[0].lower()}{layout[1:]}"
    if summary.calibration:
        yield calibration_note(summary.calibration)


def _notes(summary: Summary) -> Iterator[str]:
    holm = caveats.holm_note(summary)
    notes = [f"* {holm}" if holm else "", ladder_note(summary)]
    notes += [*caveats.missing_numbers(summary), *caveats.contradictions(summary)]
    metrics = ("mean", "throughput") if summary.ladders else ("mean", "cpu", "throughput")
    notes += [*(answer.metric_sentence(summary, metric) for metric in metrics), application_note(summary)]
    yield from filter(None, notes)


def _places(summary: Summary, command: str) -> Iterator[Fact]:
    """Yield where the rest of an overview is."""
    directory = summary.directory
    yield "Results", f"{directory}, id {summary.id}" if summary.id else directory
    yield "Report (HTML)", f"{directory}/report.html"
    if summary.sessions < summary.planned_sessions:
        yield "Resume", resume_command(summary, directory, command)
    yield "All numbers", f"{command} report {shlex.quote(directory)} --details"


def _next_steps(summary: Summary, command: str) -> Iterator[Fact]:
    directory = summary.directory
    yield "Results", directory
    yield "Report (HTML)", f"{directory}/report.html"
    if summary.sessions < summary.planned_sessions:
        yield "Resume", resume_command(summary, directory, command)
    yield "Repeat", repeat_command(summary, f"{directory}/experiment.toml", command)
    yield "Re-print", f"{command} report {shlex.quote(directory)}"
