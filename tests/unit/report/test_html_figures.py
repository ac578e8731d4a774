"""Figures as data: true to what was measured, and legible in both color schemes."""

import re
from dataclasses import replace
from importlib.resources import files

import pytest

from harness.analysis.between_runs.changes import compare_runs
from harness.analysis.plot_data import plot_data
from harness.report.document import Band, Figure, Guide, Label, Line, Points
from harness.report.figures.distributions import distribution_figures
from harness.report.figures.intervals import changes_figure, forest_figure, sessions_figure
from harness.report.figures.over_time import (
    burst_lengths_figure,
    carry_over_figure,
    drift_figures,
    variability_sentence,
)
from harness.report.figures.style import arm_styles, short_name
from harness.report.html.svg import draw_figure
from tests.support.comparable_runs import run_data
from tests.support.simulated_run import PILOT, Run, run_of

STYLES = files("harness.report.html").joinpath("templates/page.css").read_text(encoding="utf-8")
LIGHT, DARK = re.findall(r":root[^{]*\{([^}]*)\}", STYLES)[:2]
VARIABLE = re.compile(r"var\(--([\w-]+)\)")
PAIRS = {f"b/{kept}": f"a/{kept}" for kept in range(6)}


def colors(scheme: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+):\s*([^;]+);", scheme))


def luminance(color: str) -> float:
    """Relative luminance: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted(luminance(color) for color in (one, other))
    return (high + 0.05) / (low + 0.05)


def figures_of(run: Run) -> dict[str, Figure]:
    data, design = plot_data(run.plan.experiment, run.sessions), run.plan.experiment.design
    figures = [
        forest_figure(run.summary, design, "latency"),
        sessions_figure(run.summary, design, "cpu", data.effects),
        *drift_figures(run.summary, data.drift),
        *distribution_figures(run.summary, data.distributions),
        carry_over_figure(PILOT, run.plan.schedule),
        burst_lengths_figure(PILOT, run.plan.schedule),
    ]
    return {figure.name: figure for figure in figures if figure}


def points_of(figure: Figure) -> list[Points]:
    return [mark for mark in figure.marks if isinstance(mark, Points)]


def lines_of(figure: Figure) -> list[Line]:
    return [mark for mark in figure.marks if isinstance(mark, Line)]


def band_of(figure: Figure) -> Band:
    (band,) = (mark for mark in figure.marks if isinstance(mark, Band))
    return band


@pytest.fixture(scope="module")
def few() -> Run:
    return run_of({"tcp": 1.0, "uds-tmpfs": 0.9})


@pytest.fixture(scope="module")
def drawn(few: Run) -> dict[str, Figure]:
    return figures_of(few)


@pytest.mark.parametrize(
    "run",
    [run_of({"tcp": 1.0, "uds-tmpfs": 0.9}), run_of(dict.fromkeys([*PAIRS, *PAIRS.values()], 1.0), against=PAIRS)],
)
def test_a_run_has_every_figure_in_words_too(run: Run) -> None:
    figures = figures_of(run)
    assert list(figures) == [
        "forest-latency",
        "sessions-cpu",
        "drift",
        "drift-differences",
        "most",
        "longest",
        "carry-over",
        "burst-lengths",
    ]
    assert all(len(figure.alt) > 30 and figure.title for figure in figures.values())


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_every_color_is_known_in_both_schemes(drawn: dict[str, Figure], scheme: str) -> None:
    used = set(VARIABLE.findall("".join(map(draw_figure, drawn.values()))))
    assert {"ink", "band", "arm-0"} <= used
    assert used <= set(colors(scheme))


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_lines_stand_out_from_the_page(scheme: str) -> None:
    """4.5 for text and 3 for graphics, as WCAG 2.2 asks at level AA."""
    known = colors(scheme)
    words = ("ink", "muted", "accent", "warn", "faster", "slower", "equivalent", "undecided")
    arms = [name for name in known if name.startswith("arm-")]
    assert len(arms) == 9
    assert not [name for name in words if contrast(known[name], known["page"]) < 4.5]
    assert not [name for name in arms if contrast(known[name], known["page"]) < 3]


def test_no_two_of_many_arms_look_the_same_even_without_color() -> None:
    run = run_of({f"arm-{number}": 1.0 for number in range(24)}, rounds=2, raw=False)
    looks = arm_styles(run.summary)
    assert len(set(looks.values())) == 25
    without_color = [(look.symbol, look.dash) for look in looks.values()]
    assert len(set(without_color)) == 25


def test_an_arm_has_one_color_in_all_figures(drawn: dict[str, Figure], few: Run) -> None:
    for name in ("drift", "most", "longest"):
        assert {line.label: line.style for line in lines_of(drawn[name])} == arm_styles(few.summary)


def test_the_band_is_the_margin_as_a_ratio(drawn: dict[str, Figure]) -> None:
    band = band_of(drawn["forest-latency"])
    assert (1 + band.low / 100) * (1 + band.high / 100) == pytest.approx(1)


def test_the_forest_shows_the_intervals_of_the_summary(drawn: dict[str, Figure], few: Run) -> None:
    found = next(c for c in few.summary.comparisons if c.arm == "uds-tmpfs" and c.metric == "latency")
    row = points_of(drawn["forest-latency"])[0]
    assert [*row.xs, *row.lows, *row.highs] == [found.percent, found.percent_low, found.percent_high]


def test_the_changes_between_runs_have_a_row_for_each_pair_and_later_run() -> None:
    runs = [run_data(), run_data("results/2", factors={"uds-tmpfs": 1.08}), run_data("results/3")]
    figure = changes_figure(compare_runs(runs))
    assert figure is not None
    changes = [change for change in compare_runs(runs).changes if change.metric == "latency"]
    assert [mark.xs[0] for mark in points_of(figure)] == [change.percent for change in changes]
    headings = [mark for mark in figure.marks if isinstance(mark, Label)]
    assert len(headings) == len(changes)
    assert any(heading.strong == "uds-tmpfs" and " in run 2, against " in heading.text for heading in headings)
    assert "uds-tmpfs against" in figure.alt


def test_an_interval_that_knows_no_bounds_leaves_room_for_the_others() -> None:
    run = run_of({"tcp": 1.0, "uds-tmpfs": 0.9}, sessions=2, raw=False)
    boundless = [one.model_copy(update={"percent_high": 1e6}) for one in run.summary.comparisons]
    summary = run.summary.model_copy(update={"comparisons": tuple(boundless)})
    figure = figures_of(replace(run, summary=summary))["forest-latency"]
    assert figure.x.high - figure.x.low < 300
    assert all(row.highs[0] > figure.x.high for row in points_of(figure))


def test_times_and_differences_drift_on_one_scale(drawn: dict[str, Figure]) -> None:
    times, ratios = drawn["drift"], drawn["drift-differences"]
    assert times.y.high / times.y.low == pytest.approx(ratios.y.high / ratios.y.low)
    assert (times.height_px, times.x) == (ratios.height_px, ratios.x)
    assert times.y.is_log
    assert ratios.y.is_log


def test_an_arm_with_two_references_has_two_lines_of_different_colors() -> None:
    three = {"tcp": 1.0, "uds-dir": 0.95, "uds-tmpfs": 0.9}
    experiment = run_of(three).plan.experiment
    pairs = (*experiment.pairs, ("uds-tmpfs", "uds-dir"))
    run = run_of(three, experiment=experiment.model_copy(update={"pairs": pairs}))
    figures = drift_figures(run.summary, plot_data(run.plan.experiment, run.sessions).drift)
    times, ratios = ({line.label: line.style for line in lines_of(figure)} for figure in figures)
    assert list(ratios) == ["control, against tcp", *(f"{arm}, against {reference}" for arm, reference in pairs[1:])]
    assert len({style.color for style in ratios.values()}) == len(pairs)
    assert ratios["uds-tmpfs, against tcp"] == times["uds-tmpfs"]


def test_how_steady_the_machine_was_is_told_from_the_data(few: Run) -> None:
    told = variability_sentence(plot_data(few.plan.experiment, few.sessions).effects)
    level, difference = re.findall(r"([\d.]+) %", told)
    assert float(level) > 3 * float(difference)
    assert variability_sentence([]) == ""


def test_the_longest_request_of_all_is_drawn(drawn: dict[str, Figure], few: Run) -> None:
    longest_ms = max(session.requests.get_column("latency_ns").to_numpy().max() for session in few.sessions) / 1e6
    lines = lines_of(drawn["longest"])
    assert max(line.xs[-1] for line in lines) == pytest.approx(longest_ms)
    assert all(line.ys[-1] for line in lines)
    assert drawn["longest"].x.high > longest_ms


def test_the_band_of_the_carry_over_ends_behind_the_last_untimed_request(drawn: dict[str, Figure], few: Run) -> None:
    figure, settle = drawn["carry-over"], few.plan.schedule.settle
    (points,) = points_of(figure)
    assert [place for place in points.xs if place < band_of(figure).high] == list(range(1, settle + 1))
    assert points.interval_axis == "y"


def test_every_session_has_a_point_that_says_which_it_is(drawn: dict[str, Figure], few: Run) -> None:
    *sessions, _, _ = points_of(drawn["sessions-cpu"])
    assert [len(points.xs) for points in sessions] == [few.summary.sessions] * 2
    assert sessions[0].texts[-1].startswith(f"session {few.summary.sessions}: ")


def test_sessions_are_kept_apart_in_the_drift(drawn: dict[str, Figure], few: Run) -> None:
    assert sum(isinstance(mark, Guide) for mark in drawn["drift"].marks) == few.summary.sessions - 1
    assert all(line.ys.count(None) == few.summary.sessions for line in lines_of(drawn["drift"]))


def test_without_an_interval_there_is_no_forest() -> None:
    run = run_of({"tcp": 1.0, "uds-tmpfs": 0.9}, sessions=1, raw=False)
    assert forest_figure(run.summary, run.plan.experiment.design, "latency") is None


@pytest.mark.parametrize("name", ["tcp", "a" * 64, "<b>&"])
def test_names_are_short(name: str) -> None:
    assert len(short_name(name)) <= 27
    assert short_name(name)[0] == name[0]
    assert short_name(name)[-1] == name[-1]
