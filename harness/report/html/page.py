"""Renders a report as one HTML file, without scripts or external files; templates/page.html.j2 has the markup."""

import base64
import hashlib
import re
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from harness.report.document import Report
from harness.report.format import join_with_and, pluralize, typeset_numbers
from harness.report.html.svg import draw_figure
from harness.report.table import are_numeric, cell_parts, divide_by_groups

CODE_TEXT = re.compile(r"`([^`]*)`")
STYLE_SHEETS = ("page.css", "figures.css")
HEAD_UNIT = re.compile(r"\bus\b")
LONG_ANSWER = 200  # characters


def render_page(report: Report) -> str:
    """Return the page."""
    styles = "\n".join(
        files("harness.report.html").joinpath("templates", name).read_text(encoding="utf-8") for name in STYLE_SHEETS
    )
    templates = Environment(
        loader=PackageLoader("harness.report.html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
    templates.filters |= {
        "typeset": typeset_numbers,
        "prose": prose,
        "head": typeset_head,
        "parts": cell_parts,
        "numeric": are_numeric,
        "by_groups": divide_by_groups,
        "drawn": draw_figure,
    }
    page = templates.get_template("page.html.j2").render(
        report=report,
        policy=content_security_policy(styles),
        styles=Markup(styles),  # noqa: S704 - ours
        is_long=sum(map(len, report.answer)) > LONG_ANSWER,
        doubtful=doubt_summary(report),
    )
    return f"{page.lstrip()}\n"


def content_security_policy(styles: str) -> str:
    """Return a content security policy that allows only these styles, and no script."""
    digest = base64.b64encode(hashlib.sha256(styles.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def typeset_head(text: str) -> str:
    """Return the head of a column, where a unit may stand alone."""
    return HEAD_UNIT.sub("\N{MICRO SIGN}s", typeset_numbers(text))


def prose(text: str) -> Markup:
    """Return typeset prose; parts between backticks are code, which stays as it is."""
    parts = (
        f"<code>{escape(part)}</code>" if index % 2 else escape(typeset_numbers(part))
        for index, part in enumerate(CODE_TEXT.split(text))
    )
    return Markup("".join(parts))  # noqa: S704 - escaped right here


def doubt_summary(report: Report) -> str:
    """Return the number of kinds of doubt, with their names."""
    if not report.doubts:
        return "No doubts."
    return f"{pluralize(len(report.doubts), 'kind')} of doubt: {join_with_and([d.kind for d in report.doubts])}."
