"""Figures as plotly takes them: valid, consistent, and legible in both color schemes."""

import re
from dataclasses import replace
from importlib.resources import files
from typing import Any

import plotly.graph_objects as go  # type: ignore[import-untyped] # plotly brings no types
import pytest

from harness.analysis.plot_data import plot_data
from harness.report.html.figures.distributions import distribution_figure, tail_figure
from harness.report.html.figures.intervals import forest_figure, sessions_figure
from harness.report.html.figures.style import PlotlyFigure, arm_label, arm_styles, log_ticks, round_numbers
from harness.report.html.figures.time import burst_lengths_figure, carry_over_figure, drift_figure, variability_sentence
from tests.support.simulated_run import PILOT, Run, run_of

STYLES = files("harness.report.html").joinpath("templates/report.css").read_text(encoding="utf-8")
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


def figures_of(run: Run) -> dict[str, PlotlyFigure]:
    shown, design = plot_data(run.plan.experiment, run.sessions), run.plan.experiment.design
    drawn = [
        forest_figure(run.summary, design, "latency"),
        sessions_figure(run.summary, design, "cpu", shown.effects),
        drift_figure(run.summary, shown.drift),
        distribution_figure(run.summary, shown.distributions),
        tail_figure(run.summary, shown.distributions),
        carry_over_figure(PILOT, run.plan.schedule),
        burst_lengths_figure(PILOT, run.plan.schedule),
    ]
    return {figure.name: figure for figure in drawn if figure}


@pytest.fixture(scope="module")
def few() -> Run:
    return run_of({"tcp": 1.0, "uds-tmpfs": 0.9})


@pytest.fixture(scope="module")
def drawn(few: Run) -> dict[str, PlotlyFigure]:
    return figures_of(few)


def resolved(value: Any) -> Any:
    """What the page's script makes of it, as far as plotly cares."""
    if isinstance(value, dict):
        return {key: resolved(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [resolved(inner) for inner in value]
    return "#123456" if isinstance(value, str) and VARIABLE.fullmatch(value) else value


def variables(value: Any) -> set[str]:
    return set(VARIABLE.findall(repr(value)))


@pytest.mark.parametrize(
    "run",
    [run_of({"tcp": 1.0, "uds-tmpfs": 0.9}), run_of(dict.fromkeys([*PAIRS, *PAIRS.values()], 1.0), against=PAIRS)],
)
def test_plotly_accepts_every_figure(run: Run) -> None:
    found = figures_of(run)
    assert len(found) == 7
    for figure in found.values():
        go.Figure(data=resolved(figure.data), layout=resolved(figure.layout))


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_every_color_is_known_in_both_schemes(drawn: dict[str, PlotlyFigure], scheme: str) -> None:
    used = set[str]().union(*(variables((figure.data, figure.layout)) for figure in drawn.values()))
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


def test_an_arm_has_one_color_in_all_figures(drawn: dict[str, PlotlyFigure], few: Run) -> None:
    expected = {name: look.color for name, look in arm_styles(few.summary).items()}
    for name in ("drift", "most", "longest"):
        assert {line["legendgroup"]: line["line"]["color"] for line in drawn[name].data} == expected


def test_the_band_is_the_margin_as_a_ratio(drawn: dict[str, PlotlyFigure]) -> None:
    (band,) = (shape for shape in drawn["forest-latency"].layout["shapes"] if shape["type"] == "rect")
    assert (1 + band["x0"] / 100) * (1 + band["x1"] / 100) == pytest.approx(1)


def test_the_forest_shows_the_intervals_of_the_summary(drawn: dict[str, PlotlyFigure], few: Run) -> None:
    found = next(c for c in few.summary.comparisons if c.arm == "uds-tmpfs" and c.metric == "latency")
    row = drawn["forest-latency"].data[0]
    assert row["x"][0] == pytest.approx(found.percent, abs=1e-4)
    assert row["x"][0] + row["error_x"]["array"][0] == pytest.approx(found.percent_high, abs=1e-4)
    assert row["x"][0] - row["error_x"]["arrayminus"][0] == pytest.approx(found.percent_low, abs=1e-4)


def test_an_interval_that_knows_no_bounds_leaves_room_for_the_others() -> None:
    run = run_of({"tcp": 1.0, "uds-tmpfs": 0.9}, sessions=2, raw=False)
    boundless = [one.model_copy(update={"percent_high": 1e6}) for one in run.summary.comparisons]
    summary = run.summary.model_copy(update={"comparisons": tuple(boundless)})
    figure = figures_of(replace(run, summary=summary))["forest-latency"]
    low, high = figure.layout["xaxis"]["range"]
    assert high - low < 300
    assert all(row["x"][0] + row["error_x"]["array"][0] > high for row in figure.data)


def test_both_halves_of_the_drift_have_one_scale(drawn: dict[str, PlotlyFigure]) -> None:
    axes = [drawn["drift"].layout[name] for name in ("yaxis", "yaxis2")]
    (first, second) = (
        (high - low) / (top - bottom)
        for (low, high), (bottom, top) in ((axis["range"], axis["domain"]) for axis in axes)
    )
    assert first == pytest.approx(second)


def test_how_steady_the_machine_was_is_told_from_the_data(few: Run) -> None:
    told = variability_sentence(plot_data(few.plan.experiment, few.sessions).effects)
    level, difference = re.findall(r"([\d.]+) %", told)
    assert float(level) > 3 * float(difference)
    assert variability_sentence([]) == ""


def test_the_longest_request_of_all_is_drawn(drawn: dict[str, PlotlyFigure], few: Run) -> None:
    longest_ms = max(session.requests.get_column("latency_ns").to_numpy().max() for session in few.sessions) / 1e6
    assert max(line["x"][-1] for line in drawn["longest"].data) == pytest.approx(longest_ms, rel=1e-5)
    assert min(line["y"][-1] for line in drawn["longest"].data) > 0


def test_the_band_of_the_carry_over_ends_behind_the_last_untimed_request(
    drawn: dict[str, PlotlyFigure], few: Run
) -> None:
    figure, settle = drawn["carry-over"], few.plan.schedule.settle
    (band,) = figure.layout["shapes"]
    assert [place for place in figure.data[0]["x"] if place < band["x1"]] == list(range(1, settle + 1))


def test_without_an_interval_there_is_no_forest() -> None:
    run = run_of({"tcp": 1.0, "uds-tmpfs": 0.9}, sessions=1, raw=False)
    assert forest_figure(run.summary, run.plan.experiment.design, "latency") is None


@pytest.mark.parametrize("name", ["tcp", "a" * 64, "<b>&"])
def test_labels_are_short_and_no_markup(name: str) -> None:
    assert len(arm_label(name)) <= 30
    assert "<" not in arm_label(name)


@pytest.mark.parametrize(("low", "high"), [(0.31, 0.52), (-13.0, 24.0), (99.0, 101.0), (0.0, 1.0), (2e-3, 9e3)])
def test_round_numbers_lie_within_and_are_neither_few_nor_many(low: float, high: float) -> None:
    found = round_numbers(low, high)
    assert 3 <= len(found) <= 10
    assert low <= min(found)
    assert max(found) <= high


@pytest.mark.parametrize("bounds", [(-0.51, -0.28), (-1.0, 0.1), (-0.6, 1.7), (-4.0, 2.0)])
def test_a_logarithmic_axis_has_a_few_labels(bounds: tuple[float, float]) -> None:
    low, high = (10**bound for bound in bounds)
    assert 3 <= sum(low <= tick <= high for tick in log_ticks(bounds)["tickvals"]) <= 10
