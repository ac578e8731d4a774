"""Draws a figure as static SVG. Colors are variables of the page's style sheet, so no script is needed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from math import ceil, cos, floor, log10, pi, sin
from xml.etree.ElementTree import Element, SubElement, tostring

from markupsafe import Markup

from harness.report.document import Axis, Band, Bar, Figure, Frame, Guide, Label, Line, Mark, Points, Style
from harness.report.format import typeset_numbers
from harness.report.html.clipping import CSS_CLASS, Place, arrow_heads

WIDTH = 440  # all sizes are in pixels of the view box, which scales to the width of the page
TEXT_SIZE, SMALL_TEXT_SIZE = 13, 12
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
NARROW_LETTERS, WIDE_LETTERS = "fijlrtI.,:;'|!()[]/- \N{NO-BREAK SPACE}", f"mwMW%+=@\N{MINUS SIGN}{ELLIPSIS}"
NARROW, MIDDLE, WIDE, BOLD = 0.42, 0.65, 0.98, 1.1  # widths of letters, in parts of the text size; bold ones are wider
LINE_HEIGHT, MARGIN, RIGHT_MARGIN, LEGEND_SAMPLE, LEGEND_GAP = 19, 6, 14, 26, 16
MOST_LABEL_WIDTH = 0.4 * WIDTH
X_TICK_DISTANCE, Y_TICK_DISTANCE, MIN_TICKS = 54, 28, 3
BAR_THICKNESS = 0.4  # of a row
FRAME_TEXT_SIZE, FRAME_PADDING, MIN_FRAME_LETTERS = 11, 2, 4
LINE_SYMBOLS = 12  # on a line, at most
FAINT, STRONG = "0.5", "0.9"  # opacities

DASHES = {"solid": "", "dash": "7 4", "dot": "2 3", "dashdot": "7 3 2 3"}
POLYGONS = {
    "square": ((-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)),
    "diamond": ((0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0)),
    "triangle-up": ((0, -1.1), (1.1, 0.9), (-1.1, 0.9)),
    "triangle-down": ((0, 1.1), (1.1, -0.9), (-1.1, -0.9)),
    "hexagon": tuple((1.1 * cos(n * pi / 3), 1.1 * sin(n * pi / 3)) for n in range(6)),
    "star": tuple(
        ((1.4 if n % 2 else 0.6) * sin(n * pi / 5), (1.4 if n % 2 else 0.6) * cos(n * pi / 5)) for n in range(10)
    ),
}
STROKES = {"cross": "M{x} {top}V{bottom}M{left} {y}H{right}", "bar": "M{x} {top}V{bottom}"}
STROKES["x"] = "M{left} {top}L{right} {bottom}M{left} {bottom}L{right} {top}"


def draw_figure(figure: Figure) -> Markup:
    """Return the figure as an SVG element; its alternative text is its label, and texts of marks are tooltips."""
    rows = list(_legend_rows(figure.marks))
    left, top = _left_margin(figure), LINE_HEIGHT * (len(rows) + bool(figure.y.title)) + MARGIN
    height = top + figure.height_px + LINE_HEIGHT * (figure.x.is_visible + bool(figure.x.title)) + MARGIN
    role = "group" if any(isinstance(mark, Points) and mark.links for mark in figure.marks) else "img"
    root = Element("svg", {"class": "plot", "viewBox": f"0 0 {WIDTH} {_px(height)}", "role": role})
    root.set("aria-label", typeset_numbers(figure.alt))
    for number, row in enumerate(rows):
        _draw_legend_row(root, row, LINE_HEIGHT * (number + 0.5) + MARGIN / 2)
    x, y = _Scale(figure.x, 0, WIDTH - left - RIGHT_MARGIN), _Scale(figure.y, figure.height_px, 0)
    panel = _element(root, "svg", x=left, y=top, width=x.high_px, height=y.low_px)  # clips what is outside
    plot = _Plot(root, panel, x, y, left, top)
    _draw_x_axis(plot)
    _draw_y_axis(plot)
    for mark in figure.marks:
        _draw_mark(plot, mark)
    return Markup(tostring(root, encoding="unicode"))  # noqa: S704 - ElementTree escapes what it writes


@dataclass(frozen=True, slots=True)
class _Scale:
    """Maps an axis to pixels."""

    axis: Axis
    low_px: float
    high_px: float

    def px(self, value: float) -> float:
        """Return the place of `value`; not far outside even for endless intervals."""
        low, high, here = (log10(v) if self.axis.is_log else v for v in (self.axis.low, self.axis.high, value))
        place = self.low_px + (self.high_px - self.low_px) * (here - low) / ((high - low) or 1)
        return min(max(place, -WIDTH), max(self.low_px, self.high_px) + WIDTH)


@dataclass(frozen=True, slots=True)
class _Plot:
    """The drawing, and in it the panel of the marks at (`left`, `top`) with its scales."""

    root: Element
    panel: Element
    x: _Scale
    y: _Scale
    left: float
    top: float


def tick_values(axis: Axis, most: int) -> list[float]:
    """Return round numbers on the axis: at most `most`; on a wide logarithmic axis 1, 2 and 5 of each decade."""
    low, high = sorted((axis.low, axis.high))
    if axis.is_log:
        decades = range(floor(log10(low)), ceil(log10(high)) + 1)
        for steps, stride in (((1, 2, 5), 1), ((1,), 1), ((1,), 2), ((1,), 3)):
            ticks = [step * 10.0**decade for decade in decades[::stride] for step in steps]
            ticks = [tick for tick in ticks if low <= tick <= high]
            if MIN_TICKS <= len(ticks) <= most:
                return ticks
    widest = 10.0 ** ceil(log10(high - low))
    step = next((widest / by for by in (50, 20, 10, 5, 2) if (high - low) * by / widest < most), widest)
    return [step * place for place in range(ceil(low / step), floor(high / step) + 1)]


def _ticks(axis: Axis, most: float) -> list[tuple[float, str]]:
    """Return the ticks of an axis with their texts."""
    if axis.labels or not axis.is_visible:
        return [(place, typeset_numbers(text)) for place, text in axis.labels]
    ticks = tick_values(axis, max(int(most), MIN_TICKS))
    if axis.is_ratio:
        return [(tick, typeset_numbers(f"{100 * (tick - 1):+.3g} %" if tick != 1 else "0 %")) for tick in ticks]
    return [(tick, typeset_numbers(f"{tick:.6g}{axis.suffix}")) for tick in ticks]


def _left_margin(figure: Figure) -> float:
    widths = [_text_width(text, SMALL_TEXT_SIZE) for _, text in _ticks(figure.y, figure.height_px / Y_TICK_DISTANCE)]
    return min(max(widths, default=0), MOST_LABEL_WIDTH) + MARGIN if figure.y.is_visible else 1


def _draw_x_axis(plot: _Plot) -> None:
    axis, length, below = plot.x.axis, plot.x.high_px, plot.top + plot.y.low_px + LINE_HEIGHT * 0.6
    for value, text in _ticks(axis, length / X_TICK_DISTANCE):
        place = plot.x.px(value)
        if axis.has_grid:
            _element(plot.panel, "path", "grid", d=f"M{_px(place)} 0V{_px(plot.y.low_px)}")
        half = _text_width(text, SMALL_TEXT_SIZE) / 2
        middle = min(max(plot.left + place, half), WIDTH - half)
        _text(plot.root, text, (middle, below), "axis", "middle")
    if axis.title:
        place = plot.left + length / 2
        _text(plot.root, typeset_numbers(axis.title), (place, below + LINE_HEIGHT * axis.is_visible), "axis", "middle")


def _draw_y_axis(plot: _Plot) -> None:
    axis = plot.y.axis
    for value, text in _ticks(axis, plot.y.low_px / Y_TICK_DISTANCE):
        place = plot.y.px(value)
        if axis.has_grid:
            _element(plot.panel, "path", "grid", d=f"M0 {_px(place)}H{_px(plot.x.high_px)}")
        shown = _shorten(text, MOST_LABEL_WIDTH, SMALL_TEXT_SIZE)
        _text(plot.root, shown, (plot.left - MARGIN, plot.top + place), "axis", "end")
    if axis.title:
        _text(plot.root, typeset_numbers(axis.title), (0, plot.top - (LINE_HEIGHT + MARGIN) / 2), "axis")


def _legend_rows(marks: Sequence[Mark]) -> Iterator[list[tuple[float, Points | Line]]]:
    """Yield rows of labelled marks with their places from the left; one mark alone needs no legend."""
    labelled = {mark.label: mark for mark in reversed(marks) if isinstance(mark, Points | Line) and mark.label}
    row: list[tuple[float, Points | Line]] = []
    here = 0.0
    for mark in reversed(labelled.values()) if len(labelled) > 1 else ():
        width = LEGEND_SAMPLE + _text_width(mark.label, TEXT_SIZE)
        if row and here + width > WIDTH:
            yield row
            row, here = [], 0.0
        row.append((here, mark))
        here += width + LEGEND_GAP
    if row:
        yield row


def _draw_legend_row(root: Element, row: Sequence[tuple[float, Points | Line]], y: float) -> None:
    for x, mark in row:
        if isinstance(mark, Line):
            _stroke(root, f"M{_px(x)} {_px(y)}h{LEGEND_SAMPLE - 6}", mark.style, 2)
        _draw_symbols(root, [(x + LEGEND_SAMPLE / 2 - 3, y)], mark.style, 4)
        _text(root, typeset_numbers(mark.label), (x + LEGEND_SAMPLE, y))


def _draw_mark(plot: _Plot, mark: Mark) -> None:
    match mark:
        case Points():
            _draw_points(plot, mark)
        case Line():
            _draw_line(plot, mark)
        case Bar():
            _draw_bar(plot, mark)
        case Frame():
            _draw_frame(plot, mark)
        case Band():
            start, end = plot.x.px(mark.low), plot.x.px(mark.high)
            _element(plot.panel, "rect", x=start, y=0, width=end - start, height=plot.y.low_px, fill=_color(mark.style))
        case Guide():
            vertical = "" if mark.x is None else f"M{_px(plot.x.px(mark.x))} 0V{_px(plot.y.low_px)}"
            horizontal = "" if mark.y is None else f"M0 {_px(plot.y.px(mark.y))}H{_px(plot.x.high_px)}"
            _stroke(plot.panel, vertical + horizontal, mark.style, 1)
        case Label():
            _draw_label(plot, mark)


def _draw_points(plot: _Plot, mark: Points) -> None:
    """Draw points with their intervals: each an element with a tooltip if it has a text, otherwise all in one."""
    numbers = range(len(mark.xs))
    for group in [[number] for number in numbers] if mark.texts else [numbers]:
        parent = _element(plot.panel, "a" if mark.links else "g")
        if mark.links:
            parent.set("href", mark.links[group[0]])
        if mark.texts:
            SubElement(parent, "title").text = typeset_numbers(mark.texts[group[0]])
        if mark.lows:
            whiskers = [_whisker(plot, mark, number) for number in group]
            _stroke(parent, "".join(map(_path_along, whiskers)), Style(mark.style.color), 2.5)
            _draw_arrow_heads(plot, parent, whiskers, mark.style)
        places = [(plot.x.px(mark.xs[number]), plot.y.px(mark.ys[number])) for number in group]
        _draw_symbols(parent, places, mark.style, mark.size_px)


def _whisker(plot: _Plot, mark: Points, number: int) -> list[Place]:
    """Return the low end of the interval, its value and its high end."""
    ends = (mark.lows[number], mark.highs[number])
    x, y = mark.xs[number], mark.ys[number]
    low, high = [(x, end) for end in ends] if mark.interval_axis == "y" else [(end, y) for end in ends]
    return [(plot.x.px(right), plot.y.px(up)) for right, up in (low, (x, y), high)]


def _path_along(whisker: Sequence[Place]) -> str:
    (x, y), *_, (right, below) = whisker
    return f"M{_px(x)} {_px(y)}{f'V{_px(below)}' if right == x else f'H{_px(right)}'}"


def _draw_arrow_heads(plot: _Plot, parent: Element, lines: Iterable[Sequence[Place]], style: Style) -> None:
    """Draw an arrow head wherever a line leaves the panel."""
    size = (plot.x.high_px, plot.y.low_px)
    path = "".join(chain.from_iterable(arrow_heads(line, size) for line in lines))
    if path:
        _element(parent, "path", CSS_CLASS, d=path, fill=_color(style))


def _draw_line(plot: _Plot, mark: Line) -> None:
    path, command = "", "M"
    places: list[Place] = []
    pieces: list[list[Place]] = []  # without gaps
    for x, y in zip(mark.xs, mark.ys, strict=True):
        if y is None:
            command = "M"
            continue
        place = (plot.x.px(x), plot.y.px(y))
        if command == "M":
            pieces.append([])
        elif mark.is_stepped:
            pieces[-1].append((place[0], places[-1][1]))
        places.append(place)
        pieces[-1].append(place)
        path += f"H{_px(place[0])}V{_px(place[1])}" if command == "H" else f"{command}{_px(place[0])} {_px(place[1])}"
        command = "H" if mark.is_stepped else "L"
    line = _stroke(plot.panel, path, mark.style, 1.8)
    if mark.label:
        SubElement(line, "title").text = typeset_numbers(mark.label)
    _draw_arrow_heads(plot, plot.panel, pieces, mark.style)
    _draw_symbols(plot.panel, places[:: ceil(len(places) / LINE_SYMBOLS) or 1], mark.style, 3)


def _draw_bar(plot: _Plot, mark: Bar) -> None:
    start, end = sorted((plot.x.px(mark.start), plot.x.px(mark.end)))
    top, bottom = sorted(plot.y.px(mark.y + side * BAR_THICKNESS / 2) for side in (-1, 1))
    bar = _element(plot.panel, "rect", x=start, y=top, width=end - start, height=bottom - top, fill=_color(mark.style))
    bar.set("opacity", FAINT if mark.style.is_faint else STRONG)
    if mark.text:
        SubElement(bar, "title").text = typeset_numbers(mark.text)


def _draw_frame(plot: _Plot, mark: Frame) -> None:
    start, end = plot.x.px(mark.start), plot.x.px(mark.end)
    top, bottom = sorted(plot.y.px(mark.y + side / 2) for side in (-1, 1))
    frame = _element(plot.panel, "g", "frame")
    SubElement(frame, "title").text = typeset_numbers(mark.text)
    _element(frame, "rect", x=start, y=top, width=end - start, height=bottom - top, fill=_color(mark.style))
    label = _shorten(mark.label, end - start - 2 * FRAME_PADDING, FRAME_TEXT_SIZE)
    if len(label) >= MIN_FRAME_LETTERS:
        _text(frame, label, (start + FRAME_PADDING, (top + bottom) / 2))


def _draw_label(plot: _Plot, mark: Label) -> None:
    """Draw the words, shortened to the room between their start and the right end of the plot."""
    x = plot.x.px(mark.x)
    room = plot.x.high_px - x if mark.anchor == "start" else plot.x.high_px
    text = _text(plot.panel, "", (x, plot.y.px(mark.y)), "words", mark.anchor)
    text.set("fill", _color(mark.style))
    strong = f"{mark.strong}\N{NO-BREAK SPACE} " if mark.strong else ""
    if strong:
        _element(text, "tspan", "strong").text = _shorten(typeset_numbers(strong), room, TEXT_SIZE, BOLD)
    used = _text_width(strong, TEXT_SIZE, BOLD)
    _element(text, "tspan").text = _shorten(typeset_numbers(mark.text), room - used, TEXT_SIZE)


def _draw_symbols(parent: Element, places: Sequence[tuple[float, float]], style: Style, size: float) -> None:
    if not style.symbol or not places:
        return
    path = _element(parent, "path", d="".join(_symbol_path(style.symbol, x, y, size) for x, y in places))
    path.set("fill", "none" if style.symbol.endswith("-open") else _color(style))
    path.set("stroke", _color(style))
    path.set("stroke-width", "2" if style.symbol in STROKES else "1")
    if style.is_faint:
        path.set("opacity", FAINT)


def _symbol_path(symbol: str, x: float, y: float, size: float) -> str:
    """Return the path of a symbol around (x, y); `-open` only leaves out the filling."""
    shape = symbol.removesuffix("-open")
    if shape in POLYGONS:
        return f"M{'L'.join(f'{_px(x + size * right)} {_px(y + size * down)}' for right, down in POLYGONS[shape])}Z"
    if shape in STROKES:
        ends = {"left": x - size, "right": x + size, "top": y - size, "bottom": y + size, "x": x, "y": y}
        return STROKES[shape].format(**{name: _px(place) for name, place in ends.items()})
    half = f"a{_px(size)} {_px(size)} 0 1 0 "
    return f"M{_px(x - size)} {_px(y)}{half}{_px(2 * size)} 0{half}{_px(-2 * size)} 0"


def _element(parent: Element, name: str, css_class: str = "", **sizes: float | str) -> Element:
    attributes = {key: value if isinstance(value, str) else _px(value) for key, value in sizes.items()}
    return SubElement(parent, name, {"class": css_class} | attributes if css_class else attributes)


def _stroke(parent: Element, path: str, style: Style, width: float) -> Element:
    """Draw a line along `path`."""
    line = _element(parent, "path", d=path, fill="none", stroke=_color(style))
    line.set("stroke-width", str(width))
    if DASHES[style.dash]:
        line.set("stroke-dasharray", DASHES[style.dash])
    if style.is_faint:
        line.set("opacity", FAINT)
    return line


def _text(
    parent: Element, words: str, place: tuple[float, float], css_class: str = "", anchor: str = "start"
) -> Element:
    """Write `words`; `place` is on half their height."""
    x, y = place
    text = _element(parent, "text", css_class, x=x, y=y + TEXT_SIZE * 0.35)
    if anchor != "start":
        text.set("text-anchor", anchor)
    text.text = words
    return text


def _color(style: Style) -> str:
    return f"var(--{style.color})"


def _px(value: float) -> str:
    """Return pixels with one decimal."""
    return f"{value:.1f}".removesuffix(".0")


def _text_width(text: str, size: float, weight: float = 1.0) -> float:
    """Return the width of the text in pixels, in a wide font."""
    return sum(map(_letter_width, text)) * weight * size


def _letter_width(letter: str) -> float:
    return NARROW if letter in NARROW_LETTERS else WIDE if letter in WIDE_LETTERS else MIDDLE


def _shorten(text: str, room: float, size: float, weight: float = 1.0) -> str:
    """Return as much of `text` as fits into `room`."""
    if _text_width(text, size, weight) <= room:
        return text
    ends = accumulate(_letter_width(letter) * weight * size for letter in f"{ELLIPSIS}{text}")
    letters = sum(end <= room for end in ends)
    return f"{text[: letters - 1].rstrip()}{ELLIPSIS}" if letters else ""
