"""Renders a report as one HTML file without external files; templates/page.html.j2 has the markup.

Only a page with filters has a script, which is for them alone: without scripts it shows everything.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from importlib.resources import files
from itertools import chain, count

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from harness.report.cells import are_numeric, cell_parts, divide_by_groups, divide_columns
from harness.report.document import IntervalCell, Report, Table
from harness.report.format import anchor_words, join_with_and, pluralize, typeset_numbers
from harness.report.html.clipping import CSS_CLASS, NOTE
from harness.report.html.svg import draw_figure

CODE_TEXT = re.compile(r"`([^`]*)`")
LONG_NAME = re.compile(r"[\w./=:%-]{16,}")
NAME_JOINT = re.compile(r"(?<=[/=._:])(?=[^\W\d])")
OPTION, OPTION_ELEMENT = re.compile(r"(?<!\S)--[a-z][\w-]*(?: \d+)?"), r'<span class="option">\g<0></span>'
STYLE_SHEETS, FILTER_SCRIPT = ("page.css", "figures.css"), "filters.js"
LONG_ANSWER = 200  # characters
MOST_NUMBERS = 5  # columns of a table beside its names: more do not fit paper
MOST_BESIDE_NAMES = 2  # columns that stand beside the names on a narrow screen: more stand below them
MOST_INTERVALS = 2  # columns of a table beside another table
MOST_WORDS = 3  # of columns of words, which can be wrapped


def render_page(report: Report) -> str:
    """Return the page."""
    styles, script = "\n".join(map(_template, STYLE_SHEETS)), _template(FILTER_SCRIPT) if report.filters else ""
    templates = Environment(
        loader=PackageLoader("harness.report.html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
    notes = iter([NOTE])  # which is said at the first figure that needs it
    templates.filters |= {
        "typeset": typeset_numbers,
        "prose": prose,
        "breakable": lambda text: Markup(_whole_options(escape_with_breaks(text))),  # noqa: S704 - it is escaped
        "parts": cell_parts,
        "numeric": are_numeric,
        "stacks": stacks_when_narrow,
        "pieces": fitting_pieces,
        "paired": stand_side_by_side,
        "drawn": draw_figure,
        "clipping": lambda drawing: next(notes, "") if f'class="{CSS_CLASS}"' in drawing else "",
        "anchor": Anchors(report).name,
    }
    page = templates.get_template("page.html.j2").render(
        report=report,
        policy=content_security_policy(styles, script),
        styles=Markup(styles),  # noqa: S704 - ours
        script=Markup(script),  # noqa: S704 - ours
        is_long=sum(map(len, report.answer)) > LONG_ANSWER,
        doubtful=doubt_summary(report),
    )
    return f"{page.lstrip()}\n"


def _template(name: str) -> str:
    return files("harness.report.html").joinpath("templates", name).read_text(encoding="utf-8")


class Anchors:
    """Names the sections and rows of a page, each once, by which links refer to them."""

    def __init__(self, report: Report) -> None:
        """Reserve the names that the page itself gives."""
        sections = (*report.sections, *report.background)
        figures = [figure.name for section in sections for figure in section.figures]
        self._taken = {"doubts", *figures, *([report.figure.name] if report.figure else [])}

    def name(self, *words: str) -> str:
        """Return a name made of the letters and digits of `words`, with a number where it was given before."""
        base = anchor_words(" ".join(words)) or "part"
        numbered = (f"{base}-{number}" for number in count(2))
        name = next(name for name in chain([base], numbered) if name not in self._taken)
        self._taken.add(name)
        return name


def content_security_policy(styles: str, script: str = "") -> str:
    """Return a content security policy that allows only these styles, and only this script if there is one."""
    scripts = f"script-src {_source(script)}; " if script else ""
    return f"default-src 'none'; {scripts}style-src {_source(styles)}; base-uri 'none'; form-action 'none'"


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def fitting_pieces(table: Table) -> list[Table]:
    """Return the table in pieces that fit paper, each with the names of the rows."""
    return [piece for group in divide_by_groups(table) for piece in divide_columns(group, MOST_NUMBERS)]


def stand_side_by_side(tables: Sequence[Table]) -> bool:
    """Return whether two of the tables fit beside each other on a wide screen."""
    intervals = [sum(isinstance(cell, IntervalCell) for cell in row.cells) for table in tables for row in table.rows]
    return len(tables) > 1 and max(intervals, default=0) <= MOST_INTERVALS


def stacks_when_narrow(table: Table) -> bool:
    """Return whether the names stand above their numbers on a narrow screen."""
    return len(table.columns) > (MOST_BESIDE_NAMES if any(are_numeric(table)) else MOST_WORDS) + 1


def prose(text: str) -> Markup:
    """Return typeset prose; parts between backticks are code, which stays as it is. An option stays on one line."""
    parts = CODE_TEXT.split(text)
    parts[::2] = (_whole_options(escape_with_breaks(typeset_numbers(part))) for part in parts[::2])
    parts[1::2] = (f"<code>{_whole_options(escape_with_breaks(part))}</code>" for part in parts[1::2])
    return Markup("".join(parts))  # noqa: S704 - escaped right here


def _whole_options(text: str) -> str:
    return OPTION.sub(OPTION_ELEMENT, text)


def escape_with_breaks(text: str) -> str:
    """Return the text with places in its long names where a line may end: `net.` `ipv4.` `tcp_` `sack=0`."""
    return LONG_NAME.sub(lambda name: NAME_JOINT.sub("<wbr>", name[0]), str(escape(text)))


def doubt_summary(report: Report) -> str:
    """Return the number of kinds of doubt, with their names; "" for a report that is not on the doubts of a run."""
    if not report.doubts:
        return "" if report.doubts is None else "No doubts."
    return f"{pluralize(len(report.doubts), 'kind')} of doubt: {join_with_and([d.kind for d in report.doubts])}."
