"""Writes report.html."""

import json
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from harness.analysis.plot_data import PlotData
from harness.model import Design, Plan, Summary
from harness.report import answer, caveats
from harness.report.caveats import group_doubts
from harness.report.document import Figure
from harness.report.figures.distributions import (
    distribution_figures,
    half_normal_figure,
    imported_figure,
    load_figure,
)
from harness.report.figures.intervals import forest_figure, sessions_figure
from harness.report.figures.style import arm_styles
from harness.report.figures.time import burst_lengths_figure, carry_over_figure, drift_figures, variability_sentence
from harness.report.figures.waterfalls import ladder_figure, waterfall_figure
from harness.report.format import (
    interval_numbers,
    join_with_and,
    percent_interval,
    percent_with_interval,
    pluralize,
    typeset_numbers,
    us_interval,
)
from harness.report.html.facts import machine_facts, method_facts, version_facts
from harness.report.html.svg import draw_figure
from harness.report.sections import imported, optional_sections
from harness.report.sections.failures import application_note
from harness.report.sections.ladder import ladder_note
from harness.report.sections.why import cause_sentences, counter_rows, difference_tables
from harness.report.select import (
    control_comparisons,
    group_by_root,
    headline_metric,
    is_kept_undecided_by_holm,
    main_comparisons,
    repeat_command,
    resume_command,
)
from harness.report.table import TEXT_COLUMNS, format_milliseconds, format_rate

CODE_TEXT = re.compile(r"`([^`]*)`")


def render_html(summary: Summary, plan: Plan, host: Mapping[str, Any], exhibits: PlotData) -> str:
    """Return the page. `host` is the content of host.json, or {} if it is unknown."""
    design = plan.experiment.design
    page = template_environment().get_template("report.html.j2")
    return page.render(
        summary=summary,
        plan=plan,
        styles=Markup(packaged_text("report.css")),  # noqa: S704 - ours
        first_line=caveats.reliability_warning(summary),
        answer=answer.summary_answer(summary, design),
        headline=headline_metric(summary),
        certainty=certainty_sentences(summary, design),
        doubtful=doubt_summary(summary),
        notes=list(_table_notes(summary)),
        kept_undecided=is_kept_undecided_by_holm,
        groups=group_by_root([*main_comparisons(summary), *control_comparisons(summary)]),
        appearances=arm_styles(summary),
        figures={figure.name: figure for figure in _figures(summary, plan, exhibits)},
        started_utc=exhibits.started_utc,
        steadiness=variability_sentence(exhibits.effects),
        published=_published_cells(summary),
        sections=optional_sections(summary, design),
        why=cause_sentences(summary),
        differences=list(difference_tables(summary)),
        counters=counter_rows(summary),
        folds=group_doubts(summary),
        method=method_facts(summary, plan, exhibits.cpus),
        machine=machine_facts(host),
        versions=version_facts(host),
        host_json=json.dumps(host, indent=1, ensure_ascii=False),
        commands=_next_commands(summary),
    )


def _figures(summary: Summary, plan: Plan, exhibits: PlotData) -> Iterator[Figure]:
    design, pilot = plan.experiment.design, plan.pilot
    drawn = [
        forest_figure(summary, design, headline_metric(summary)),
        sessions_figure(summary, design, headline_metric(summary), exhibits.effects),
        sessions_figure(summary, design, "cpu", exhibits.effects),
        load_figure(summary),
        imported_figure(summary),
        half_normal_figure(summary),
        *(ladder_figure(ladder, number) for number, ladder in enumerate(summary.ladders)),
        *drift_figures(summary, exhibits.drift),
        *distribution_figures(summary, exhibits.distributions),
        carry_over_figure(pilot, plan.schedule) if pilot else None,
        burst_lengths_figure(pilot, plan.schedule) if pilot else None,
        *(waterfall_figure(parts, arm_styles(summary)[parts.arm]) for parts in summary.waterfalls),
    ]
    return filter(None, drawn)


def _table_notes(summary: Summary) -> Iterator[str]:
    holm = caveats.holm_note(summary)
    yield from [f"* {holm}"] if holm else []
    yield from filter(None, [ladder_note(summary)])
    yield from caveats.missing_numbers(summary)
    yield from caveats.contradictions(summary)
    yield from filter(
        None, [answer.cpu_sentence(summary), answer.throughput_sentence(summary), application_note(summary)]
    )


def _published_cells(summary: Summary) -> dict[str, Any]:
    """Return the numbers of the write-up beside these by place; empty if the experiment is another one."""
    cells = imported.cells_beside(summary)
    rows = [(cell, imported.percent_against_first(cell, cells)) for cell in cells]
    places = {place: list(group) for place, group in groupby(rows, lambda row: row[0].where)}
    return {"places": places, "misfits": list(imported.inconsistent_cells(cells))}


def _next_commands(summary: Summary) -> dict[str, str]:
    """Return the next commands, relative to the directory of the report, which may have been moved."""
    missing = summary.sessions < summary.planned_sessions
    return {
        **({"Resume": resume_command(summary, ".")} if missing else {}),
        "Repeat": repeat_command(summary, "experiment.toml"),
        "Re-print": "barehop report .",
    }


def template_environment() -> Environment:
    """Return the environment of the templates, with their filters."""
    templates = Environment(
        loader=PackageLoader("harness.report.html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
    templates.globals["words"] = TEXT_COLUMNS
    templates.filters |= {
        "typeset": typeset_numbers,
        "rate": format_rate,
        "milliseconds": format_milliseconds,
        "percent_of": percent_interval,
        "us_of": us_interval,
        "numbers": interval_numbers,
        "with_code": _code_markup,
        "draw": draw_figure,
    }
    return templates


def _code_markup(text: str) -> Markup:
    """Return `text` with the parts between backticks as code."""
    return Markup(CODE_TEXT.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped right here


def packaged_text(name: str) -> str:
    """Return the text of a file beside the templates."""
    return files("harness.report.html").joinpath("templates", name).read_text(encoding="utf-8")


def certainty_sentences(summary: Summary, design: Design) -> list[str]:
    """Return sentences on the controls that are equivalent, and on the precision."""
    return [*_equivalent_controls(summary), caveats.effort_note(summary, design)]


def doubt_summary(summary: Summary) -> str:
    """Return the number of kinds of doubt, with their names."""
    folds = group_doubts(summary)
    if not folds:
        return "No doubts."
    return f"{pluralize(len(folds), 'kind')} of doubt: {join_with_and([fold.kind for fold in folds])}."


def _equivalent_controls(summary: Summary) -> Iterator[str]:
    for control in control_comparisons(summary):
        estimate = percent_interval(control)
        if estimate and control.verdict == "equivalent":
            name = control.against
            yield f"The A/A control ({name} vs. {name}) shows no difference: {percent_with_interval(estimate)}."
