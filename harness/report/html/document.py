"""The report as one HTML file that needs no network, no server and no other file."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from plotly.offline import get_plotlyjs  # type: ignore[import-untyped] # plotly brings no types

from harness.analysis.exhibits import Exhibits
from harness.model import Plan, Summary
from harness.report import caveats, seed, sentences
from harness.report.applications import application_note
from harness.report.commands import completing, repeating
from harness.report.doubts import folded
from harness.report.html.certainty import certainty, doubtful
from harness.report.html.figures.drift import drift, steadiness
from harness.report.html.figures.foreign import elsewhere
from harness.report.html.figures.ladder import climb
from harness.report.html.figures.load import latency_by_load
from harness.report.html.figures.pairs import WHAT, forest, per_session
from harness.report.html.figures.pilot import burst_lengths, carry_over
from harness.report.html.figures.requests import longest_requests, most_requests
from harness.report.html.figures.screen import half_normal
from harness.report.html.figures.style import Figure, appearances
from harness.report.html.figures.waterfall import waterfall
from harness.report.html.machine import machine_facts, versions
from harness.report.html.method import method_facts
from harness.report.html.typeset import typeset
from harness.report.ladder.sentences import ladder_note
from harness.report.ladder.words import title
from harness.report.sections import sections_of
from harness.report.selection import by_root, compared, controls, headline, kept_undecided
from harness.report.sheet import WORDS, milliseconds, rate
from harness.report.why.sentences import why
from harness.report.why.tables import counter_rows, difference_tables
from harness.report.wording import interval_numbers, percent_of, us_of

CODE = re.compile(r"`([^`]*)`")


def render_html(summary: Summary, plan: Plan, host: Mapping[str, Any], exhibits: Exhibits) -> str:
    """Return the page. `host` is the content of host.json, or {} if it is unknown."""
    design = plan.experiment.design
    drawing = drawing_scripts()
    page = environment().get_template("report.html.j2")
    return page.render(
        summary=summary,
        plan=plan,
        scripts=drawing,
        policy=policy(drawing),
        styles=Markup(packaged("report.css")),  # noqa: S704 - ours
        first_line=caveats.first_line(summary),
        answer=sentences.answer(summary, design),
        headline=headline(summary),
        what=WHAT,
        certainty=certainty(summary, design),
        doubtful=doubtful(summary),
        notes=list(_table_notes(summary)),
        kept_undecided=kept_undecided,
        groups=by_root([*compared(summary), *controls(summary)]),
        appearances=appearances(summary),
        figures={figure.name: figure for figure in _figures(summary, plan, exhibits)},
        started_utc=exhibits.started_utc,
        steadiness=steadiness(exhibits.effects),
        published=_published_cells(summary),
        sections=sections_of(summary, design),
        ladder_titles=[f"Over {title(ladder)}" for ladder in summary.ladders],
        why=why(summary),
        differences=list(difference_tables(summary)),
        counters=counter_rows(summary),
        folds=folded(summary),
        method=method_facts(summary, plan, exhibits.cpus),
        machine=machine_facts(host),
        versions=versions(host),
        host_json=json.dumps(host, indent=1, ensure_ascii=False),
        commands=_next_commands(summary),
    )


def _figures(summary: Summary, plan: Plan, exhibits: Exhibits) -> Iterator[Figure]:
    design, pilot = plan.experiment.design, plan.pilot
    drawn = [
        forest(summary, design, headline(summary)),
        per_session(summary, design, headline(summary), exhibits.effects),
        per_session(summary, design, "cpu", exhibits.effects),
        latency_by_load(summary),
        elsewhere(summary),
        half_normal(summary),
        *(climb(ladder, number) for number, ladder in enumerate(summary.ladders)),
        drift(summary, exhibits.drift),
        most_requests(summary, exhibits.distributions),
        longest_requests(summary, exhibits.distributions),
        carry_over(pilot, plan.schedule) if pilot else None,
        burst_lengths(pilot, plan.schedule) if pilot else None,
        *(waterfall(parts, appearances(summary)[parts.arm]) for parts in summary.waterfalls),
    ]
    return filter(None, drawn)


def _table_notes(summary: Summary) -> Iterator[str]:
    holm = caveats.holm_note(summary)
    yield from [f"* {holm}"] if holm else []
    yield from filter(None, [ladder_note(summary)])
    yield from caveats.absences(summary)
    yield from caveats.disagreements(summary)
    yield from filter(None, [sentences.cpu(summary), sentences.throughput(summary), application_note(summary)])


def _published_cells(summary: Summary) -> dict[str, Any]:
    """Return the numbers of the write-up beside these by place; empty if the experiment is another one."""
    cells = seed.beside(summary)
    rows = [(cell, seed.against_first(cell, cells)) for cell in cells]
    places = {place: list(group) for place, group in groupby(rows, lambda row: row[0].where)}
    return {"places": places, "misfits": list(seed.misfits(cells))}


def _next_commands(summary: Summary) -> dict[str, str]:
    """Return the next commands, relative to the directory of the report, which may have been moved."""
    missing = summary.sessions < summary.planned_sessions
    return {
        **({"Resume": completing(summary, ".")} if missing else {}),
        "Repeat": repeating(summary, "experiment.toml"),
        "Re-print": "barehop report .",
    }


def environment() -> Environment:
    """Return the environment of the templates, with their filters."""
    templates = Environment(
        loader=PackageLoader("harness.report.html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
    templates.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    templates.globals["words"] = WORDS
    templates.filters |= {
        "typeset": typeset,
        "rate": rate,
        "milliseconds": milliseconds,
        "percent_of": percent_of,
        "us_of": us_of,
        "numbers": interval_numbers,
        "with_code": _code_markup,
    }
    return templates


def _code_markup(text: str) -> Markup:
    """Return `text` with the parts between backticks as code."""
    return Markup(CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped right here


def drawing_scripts() -> list[Markup]:
    """Return the scripts that draw the figures: plotly and our own."""
    return [Markup(get_plotlyjs()), Markup(packaged("report.js"))]  # noqa: S704 - ours, and as plotly ships it


def policy(scripts: Sequence[str]) -> str:
    """Return a content security policy that allows only these scripts and the styles of the page."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"


def packaged(name: str) -> str:
    """Return the text of a file beside the templates."""
    return files("harness.report.html").joinpath("templates", name).read_text(encoding="utf-8")
