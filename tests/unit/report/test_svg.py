"""The drawing of figures: everything at its place, within the view box, as valid XML, with words for it."""

import re
from dataclasses import replace
from xml.etree.ElementTree import Element, fromstring

import pytest

from harness.report.document import Axis, Band, Bar, Figure, Guide, Label, Line, Mark, Points, Report, Section, Style
from harness.report.html.clipping import NOTE
from harness.report.html.page import render_page
from harness.report.html.svg import WIDTH, draw_figure, tick_values

PLAIN = Figure("plain", "Words.", 200, Axis(0, 10, is_visible=False), Axis(0, 1, is_visible=False), ())
NAMES = ("tcp", "uds-tmpfs", "a-rather-long-name-of-an-arm")


def draw(*marks: Mark, figure: Figure = PLAIN) -> Element:
    return fromstring(draw_figure(replace(figure, marks=marks)))


def panel_of(drawing: Element) -> Element:
    panel = drawing.find("svg")
    assert panel is not None
    return panel


def numbers(path: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?[\d.]+", path)]


def paths(drawing: Element) -> list[str]:
    return [path.attrib["d"] for path in panel_of(drawing).iter("path") if path.get("class") != "grid"]


def test_a_figure_says_in_words_what_it_shows() -> None:
    drawing = draw(figure=replace(PLAIN, alt='-3 % "faster" & <b>'))
    assert drawing.attrib["role"] == "img"
    assert drawing.attrib["aria-label"] == '\N{MINUS SIGN}3\N{NO-BREAK SPACE}% "faster" & <b>'


def test_a_point_lies_at_its_place() -> None:
    drawing = draw(Points([2.5], [0.25], Style(symbol="square"), size_px=1))
    width, height = (float(panel_of(drawing).attrib[side]) for side in ("width", "height"))
    (square,) = paths(drawing)
    xs, ys = numbers(square)[::2], numbers(square)[1::2]
    assert sum(xs) / 4 == pytest.approx(width / 4, abs=0.1)
    assert sum(ys) / 4 == pytest.approx(0.75 * height, abs=0.1)


def beyond(drawing: Element) -> list[str]:
    return [path.attrib["d"] for path in panel_of(drawing).iter("path") if path.get("class") == "beyond"]


def test_an_interval_that_leaves_its_axis_ends_in_an_arrow_head_at_the_edge() -> None:
    drawing = draw(Points([5], [0.5], lows=[-3], highs=[12]), Points([5], [0.7], lows=[1], highs=[10]))
    width, height = (float(panel_of(drawing).attrib[side]) for side in ("width", "height"))
    (heads,) = beyond(drawing)

    tips = [tuple(numbers(head)[:2]) for head in heads.split("M")[1:]]
    assert sorted(tips) == [(0, height / 2), (pytest.approx(width, abs=0.1), height / 2)]


def test_what_an_arrow_head_means_is_said_at_the_first_figure_that_has_one() -> None:
    beyond_its_axis = replace(PLAIN, marks=[Points([5], [0.5], lows=[-3], highs=[12])])
    figures = [replace(beyond_its_axis, name=name) for name in ("first", "second")]

    page = render_page(Report("Title", ["Answer."], sections=[Section("", figures=[PLAIN, *figures])]))

    assert page.count(NOTE) == 1
    assert page.index('id="first"') < page.index(NOTE) < page.index('id="second"')


def test_narrow_letters_leave_room_for_more_of_them() -> None:
    texts = [
        "".join(draw(Label(0, 0.5, letter * 200)).itertext()).rstrip("\N{HORIZONTAL ELLIPSIS}") for letter in "imx"
    ]

    assert len(texts[0]) > len(texts[2]) > len(texts[1])


def test_an_interval_along_y_and_a_line_are_marked_too() -> None:
    upright = Points([5], [0.5], lows=[-1], highs=[2], interval_axis="y")
    for line in (upright, Line([0, 2, 4], [0.5, 3, 0.5]), Line([0, 2, 4], [0.5, 3, 0.5], is_stepped=True)):
        (heads,) = beyond(draw(line))
        assert heads.count("M") == 2
    assert beyond(draw(Line([0, 5, 10], [0, 1, 0]))) == []


def test_a_page_says_what_an_arrow_head_means_only_where_there_is_one() -> None:
    for high, times in ((12, 1), (9, 0)):
        figure = replace(PLAIN, marks=[Points([5], [0.5], lows=[1], highs=[high])])
        assert render_page(Report("Title", ["Answer."], figure=figure)).count(NOTE) == times


def test_equal_factors_are_equally_far_apart_on_a_logarithmic_axis() -> None:
    figure = replace(PLAIN, x=Axis(0.1, 100, is_log=True))
    (line,) = paths(draw(Line([0.1, 1, 10, 100], [0, 0, 0, 0], Style(symbol="")), figure=figure))
    xs = numbers(line)[::2]
    assert xs[1] - xs[0] == pytest.approx(xs[3] - xs[2], abs=0.2)


def test_an_axis_may_run_from_top_to_bottom() -> None:
    figure = replace(PLAIN, y=Axis(1.5, -0.5, is_visible=False))
    (line,) = paths(draw(Line([0, 1], [0, 1], Style(symbol="")), figure=figure))
    assert numbers(line)[1] < numbers(line)[3]


def test_a_line_breaks_where_a_value_is_missing_and_steps_where_asked() -> None:
    broken, stepped = paths(
        draw(
            Line([0, 1, 2, 3, 4], [0, 1, None, 1, 0], Style(symbol="")),
            Line([0, 1, 2], [0, 1, 0], Style(symbol=""), is_stepped=True),
        )
    )
    assert (broken.count("M"), broken.count("L")) == (2, 2)
    assert (stepped.count("H"), stepped.count("V"), stepped.count("L")) == (2, 2, 0)


def test_whiskers_reach_from_low_to_high_along_either_axis() -> None:
    along_x, along_y = (Points([5], [0.5], Style(symbol=""), lows=[0], highs=[1], interval_axis=axis) for axis in "xy")
    drawing = draw(along_x, along_y)
    height = float(panel_of(drawing).attrib["height"])
    sideways, upwards = (numbers(path) for path in paths(drawing))
    assert (sideways[0], sideways[1]) == (0, height / 2)
    assert upwards[1:] == [height, 0]


def test_an_endless_interval_ends_not_far_outside() -> None:
    whisker, _ = paths(draw(Points([5], [0.5], Style(symbol=""), lows=[-1e9], highs=[1e9])))
    assert max(map(abs, numbers(whisker))) <= 2 * WIDTH


def test_texts_are_native_tooltips() -> None:
    drawing = draw(
        Points([1, 2], [0, 0], texts=["1 us", "<2>"]), Bar(0.5, 1, 3, text="a bar"), Line([1], [1], label="l")
    )
    assert [title.text for title in drawing.iter("title")] == [
        "1\N{NO-BREAK SPACE}us",
        "<2>",
        "a bar",
        "l",
    ]


def test_a_bar_of_a_negative_amount_goes_to_the_left() -> None:
    (bar,) = panel_of(draw(Bar(0.5, 3, 1))).iter("rect")
    assert float(bar.attrib["width"]) > 0
    assert float(bar.attrib["x"]) == pytest.approx(0.1 * float(panel_of(draw()).attrib["width"]), abs=0.1)


def test_colors_are_variables_and_dashes_and_faintness_are_drawn() -> None:
    line, band = (
        next(panel_of(draw(mark)).iter(tag)).attrib
        for mark, tag in ((Guide(y=0.5, style=Style("arm-1", dash="dot", is_faint=True)), "path"), (Band(1, 2), "rect"))
    )
    assert (line["stroke"], line["stroke-dasharray"]) == ("var(--arm-1)", "2 3")
    assert float(line["opacity"]) < 1
    assert band["fill"] == "var(--band)"


def test_a_legend_names_each_line_once_and_wraps() -> None:
    lines = [Line([0, 1], [0, 1], label=name) for name in (*NAMES, *NAMES, "another-quite-long-name-of-an-arm")]
    drawing = draw(*lines)
    entries = drawing.findall("text")
    assert [entry.text for entry in entries] == [*NAMES, "another-quite-long-name-of-an-arm"]
    assert len({entry.attrib["y"] for entry in entries}) == 2
    assert not draw(*lines[:1]).findall("text")


@pytest.mark.parametrize(
    "symbol", ["circle", "circle-open", "square", "diamond", "star", "hexagon", "x", "cross", "bar"]
)
def test_every_symbol_is_a_path_around_its_point(symbol: str) -> None:
    (path,) = paths(draw(Points([5], [0.5], Style(symbol=symbol))))
    x, y = numbers(path)[:2]
    panel = panel_of(draw()).attrib
    assert abs(x - float(panel["width"]) / 2) <= 6
    assert abs(y - float(panel["height"]) / 2) <= 6


def test_words_stand_inside_the_view_box_however_long() -> None:
    figure = replace(
        PLAIN,
        x=Axis(0, 10_000, "ms per request", suffix=" %"),
        y=Axis(1.5, -0.5, "a title", labels=[(0, "a" * 90), (1, "b")]),
    )
    label = Label(0, 0.5, "words " * 30, strong="name" * 10)
    drawing = draw(label, *(Line([0], [0], label=name) for name in NAMES), figure=figure)
    _, _, width, height = numbers(drawing.attrib["viewBox"])
    for text in drawing.findall("text"):
        x, y, long = float(text.attrib["x"]), float(text.attrib["y"]), 6 * len("".join(text.itertext()))
        left = x - long * {"start": 0, "middle": 0.5, "end": 1}[text.get("text-anchor", "start")]
        assert -1 <= left <= left + long <= width + 1
        assert 0 < y <= height
    (written,) = panel_of(drawing).iter("text")
    assert "".join(written.itertext()).endswith("\N{HORIZONTAL ELLIPSIS}")
    panel = panel_of(drawing).attrib
    assert float(panel["x"]) + float(panel["width"]) <= width
    assert float(panel["y"]) + float(panel["height"]) <= height


@pytest.mark.parametrize(("low", "high"), [(0.31, 0.52), (-13.0, 24.0), (99.0, 101.0), (0.0, 1.0), (2e-3, 9e3)])
def test_ticks_are_round_lie_within_and_are_neither_few_nor_many(low: float, high: float) -> None:
    ticks = tick_values(Axis(low, high), 8)
    assert 3 <= len(ticks) <= 8
    assert low <= min(ticks)
    assert max(ticks) <= high
    step = float(f"{ticks[1] - ticks[0]:.6g}")
    assert f"{step:e}"[0] in "125"


@pytest.mark.parametrize("bounds", [(-0.51, -0.28), (-1.0, 0.1), (-0.6, 1.7), (-4.0, 2.0), (-9.0, 9.0), (0.0, 0.9)])
def test_a_logarithmic_axis_has_a_few_ticks(bounds: tuple[float, float]) -> None:
    low, high = (10**bound for bound in bounds)
    ticks = tick_values(Axis(low, high, is_log=True), 8)
    assert 3 <= len(ticks) <= 8
    assert all(low <= tick <= high for tick in ticks)
