"""A report as data, independent of any format. Renderers know these types, but not what a report is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.model import Interval

Facets = Mapping[str, str]  # what the filters of a page compare, by their names


@dataclass(frozen=True, slots=True)
class TextCell:
    """Words; `detail` is a lesser part that stands beside or below. On a page they are a link where `link` is given."""

    text: str
    detail: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class NumberCell:
    """A number as text, aligned to the right; empty where there is none."""

    text: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class IntervalCell:
    """A value with its interval, rounded by its width; `unit` follows the value. No interval: absent."""

    interval: Interval | None
    unit: str = ""
    least_decimals: int = 0
    margin: float | None = None  # of equivalence: no number may be rounded to it


@dataclass(frozen=True, slots=True)
class VerdictCell:
    """A verdict on `metric`, which its wording depends on; `is_starred` where only a correction keeps it undecided."""

    verdict: str | None
    is_starred: bool = False
    metric: str = ""


Cell = TextCell | NumberCell | IntervalCell | VerdictCell


@dataclass(frozen=True, slots=True)
class Column:
    """The head of a column. Columns of one `group` stay together, under its name, where a table has to be divided.

    A narrow terminal leaves out columns that are `is_spare`. Without --details it also cuts long texts of a column in
    their "middle", or leaves out the last items of a "list".
    """

    title: str
    detail: str = ""
    group: str = ""
    is_spare: bool = False
    cut: Literal["", "middle", "list"] = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row; its first cell names it. A row with only that cell is the heading of the inner rows below it.

    `color` is a color's name in the style sheet: "arm-0". `ends_group`: a line stands below it.
    """

    cells: Sequence[Cell]
    color: str = ""
    ends_group: bool = False
    is_inner: bool = False
    facets: Facets = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the text of the first cell."""
        first = self.cells[0]
        return first.text if isinstance(first, TextCell) else ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose first column has names."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Row]


Fact = tuple[str, str]  # term, text


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its content, in the order of the fields. Without a heading, the section continues the one before.

    Text between backticks is code. `listing` is preformatted text. `is_detail`: a terminal leaves it out, and
    pages fold it.
    """

    heading: str
    sentences: Sequence[str] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    figures: Sequence["Figure"] = ()  # only pages show them
    facts: Sequence[Fact] = ()
    listing: str = ""
    is_detail: bool = False


@dataclass(frozen=True, slots=True)
class ReportedDoubt:
    """Doubts of one kind: where, the first observation, and the advice."""

    kind: str
    where: str
    seen: str
    advice: str


@dataclass(frozen=True, slots=True)
class Overview:
    """What fits one screen. Pages and Markdown show `why` after the first section, and have the rest elsewhere."""

    answer: str
    table: Table
    why: Sequence[str]
    certainty: Sequence[str]
    places: Sequence[Fact]  # of the rest


@dataclass(frozen=True, slots=True)
class Filter:
    """A control of a page. It hides rows and figures whose facet `name` does not match; those without it stay.

    `select`: the facet is the chosen one; `checkbox`: it is "yes"; `date`: it is not before "from", or not after "to".
    """

    name: str
    label: str
    kind: Literal["select", "checkbox", "date"] = "select"
    choices: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """The report of a command, in the order of reading.

    `warning` begins with what is wrong, as a short sentence. `figure` stands beside the answer. `next_steps` are (what,
    command or path). `background`, on the method and the machine, is for pages only.
    """

    title: str
    answer: Sequence[str]
    warning: str = ""
    is_valid: bool = True  # the result as a whole, whatever the warning
    question: str = ""
    answer_label: str = "Found"  # stands between the question and the answer on a page
    certainty: Sequence[str] = ()
    figure: "Figure | None" = None
    sections: Sequence[Section] = ()
    doubts: Sequence[ReportedDoubt] | None = None  # None: of several runs, or none
    background: Sequence[Section] = ()
    next_steps: Sequence[Fact] = ()
    overview: Overview | None = None
    identity: str = ""  # a sentence with the id of the results, for citations
    filters: Sequence[Filter] = ()  # only pages have them


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure as data: `alt` says in words what it shows, `caption` how to read it.

    `height_px` is that of the plot without its axes and legend.
    """

    name: str
    alt: str
    height_px: float
    x: "Axis"
    y: "Axis"
    marks: Sequence["Mark"]
    title: str = ""
    caption: str = ""
    facets: Facets = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis from `low` at the left or bottom to `high`, which may be the lower number.

    `labels` name places on it; without them its ticks are round numbers with `suffix`, and on an axis that `is_ratio`
    the differences in percent that such ratios are.
    """

    low: float
    high: float
    title: str = ""
    suffix: str = ""
    is_log: bool = False
    is_ratio: bool = False
    labels: Sequence[tuple[float, str]] = ()
    has_grid: bool = True
    is_visible: bool = True


@dataclass(frozen=True, slots=True)
class Style:
    """The look of a mark: a color's name in the style sheet, a symbol ("" for none), a dash."""

    color: str = "ink"
    symbol: str = "circle"
    dash: str = "solid"
    is_faint: bool = False


@dataclass(frozen=True, slots=True)
class Points:
    """Points, each with an interval where `lows` and `highs` are given; `texts` are shown when pointed at.

    `links`: where each point leads on a page.
    """

    xs: Sequence[float]
    ys: Sequence[float]
    style: Style = Style()
    label: str = ""  # in the legend
    lows: Sequence[float] = ()
    highs: Sequence[float] = ()
    interval_axis: str = "x"  # or y
    texts: Sequence[str] = ()
    links: Sequence[str] = ()
    size_px: float = 4.0


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points, with a few symbols; it breaks where a y is None."""

    xs: Sequence[float]
    ys: Sequence[float | None]
    style: Style = Style()
    label: str = ""
    is_stepped: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """A horizontal bar from `start` to `end` in the row `y`; `text` is shown when pointed at."""

    y: float
    start: float
    end: float
    style: Style = Style()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """A box from `start` to `end` that fills the row `y`; its label is cut to fit, `text` is shown when pointed at."""

    y: float
    start: float
    end: float
    style: Style
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Band:
    """A shaded stretch of the x axis over the whole height."""

    low: float
    high: float
    style: Style = Style(color="band")


@dataclass(frozen=True, slots=True)
class Guide:
    """A line over the whole height at x, or over the whole width at y."""

    x: float | None = None
    y: float | None = None
    style: Style = Style(color="muted", is_faint=True)


@dataclass(frozen=True, slots=True)
class Label:
    """Words inside a figure, `strong` ones first; `anchor` says which end of them is at x."""

    x: float
    y: float
    text: str
    strong: str = ""
    style: Style = Style()
    anchor: str = "start"  # or middle, end


Mark = Points | Line | Bar | Frame | Band | Guide | Label
