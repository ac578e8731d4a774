"""The report of a run in each format, from its summary."""

from collections.abc import Mapping
from typing import Any

from harness.analysis.plot_data import PlotData
from harness.model import Design, Plan, Summary
from harness.report.commands.plan import PlannedRun, plan_report
from harness.report.html.page import render_page
from harness.report.run_report import report_of
from harness.report.sections.background import PageData
from harness.report.select import PROGRAM_NAME
from harness.report.text import markdown, terminal


def render_terminal(
    summary: Summary,
    design: Design | None,
    *,
    command: str = PROGRAM_NAME,
    width: int | None = None,
    color: bool = False,
) -> str:
    """Return the report of a run as text."""
    return terminal.render_terminal(report_of(summary, design, command=command), width=width, color=color)


def render_markdown(summary: Summary, design: Design | None) -> str:
    """Return the report of a run in Markdown."""
    return markdown.render_markdown(report_of(summary, design))


def render_plan(plan: Plan, expected_s: float | None, *, width: int) -> str:
    """Return what `barehop plan` prints."""
    return terminal.render_terminal(plan_report(PlannedRun(plan=plan, expected_s=expected_s)), width=width)


def render_html(summary: Summary, plan: Plan, host: Mapping[str, Any], plots: PlotData) -> str:
    """Return the page of a run."""
    return render_page(report_of(summary, plan.experiment.design, page=PageData(plan, host, plots)))
