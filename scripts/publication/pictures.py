"""The pictures of README, drawn from published results: each as one file for light pages and one for dark ones."""

from collections.abc import Iterator, Sequence
from itertools import chain

from harness.model import Ladder, RungEffect
from harness.report.document import Bar, Figure, Guide, Mark, Points, Style
from harness.report.figures.intervals import forest_figure
from harness.report.figures.style import COLORS, WHISKER, axis_around, row_axis, row_heading
from harness.report.figures.waterfalls import rung_bars
from harness.report.format import join_with_and, us_text
from harness.report.select import headline_metric
from scripts.precision_study.figure import equal_arms_figure
from scripts.publication.results import Results
from scripts.publication.svg_file import SCHEMES, svg_file

ROW_HEIGHT = 26  # pixels; a rung has two rows, below its heading
BAR_OFFSETS = (0.15, 0.6)  # in rows, of the bars of a rung

Bars = tuple[tuple[str, RungEffect, float, str], ...]  # of one rung, over each transport


def picture_files(results: Results) -> dict[str, str]:
    """Return the text of each picture by its file name."""
    return {
        file_name(figure.name, scheme): svg_file(figure, scheme)
        for figure in readme_figures(results)
        for scheme in SCHEMES
    }


def file_name(figure: str, scheme: str) -> str:
    return f"{figure}-{scheme}.svg"


def readme_figures(results: Results) -> Iterator[Figure]:
    """Yield the transports, the methods and the ladder."""
    forest = forest_figure(results.baseline, results.design, headline_metric(results.baseline))
    if forest:
        yield forest
    yield equal_arms_figure(results.precision.rows, results.precision.findings)
    yield containers_figure(results.ladder.ladders)


def containers_figure(ladders: Sequence[Ladder]) -> Figure:
    """Return what each rung adds over each transport, on one axis; the steps begin where the steps below them end."""
    rungs: list[Bars] = list(zip(*map(_shown_bars, ladders), strict=True))
    styles = {ladder.transport: Style(color, "square") for ladder, color in zip(ladders, COLORS, strict=False)}
    ends = [start_us + (end or 0) for _, effect, start_us, _ in chain.from_iterable(rungs) for end in _ends(effect)]
    x = axis_around([0, *ends], "us per request more than without a container")
    marks: list[Mark] = [Guide(0), *(Points((), (), style, transport) for transport, style in styles.items())]
    texts, rows = [], len(rungs) * len(ladders)
    for number, bars in enumerate(rungs):
        place = number * len(ladders)
        name = bars[0][0].removesuffix(f"/{ladders[0].transport}")
        amounts = [f"{on} {us_text(effect).split(' (')[0]}" for on, (_, effect, _, _) in zip(styles, bars, strict=True)]
        marks.append(row_heading(place, x, name, ", ".join(amounts)))
        for (_, effect, start_us, _), style, offset in zip(bars, styles.values(), BAR_OFFSETS, strict=True):
            marks += _bar(place + offset, effect, start_us, style)
        texts.append(f"{name} ({', '.join(amounts)})")
    alt = f"Time that each mechanism adds to a request: {join_with_and(texts)}."
    title = "What a container would add, mechanism by mechanism"
    return Figure("containers", alt, ROW_HEIGHT * rows, x, row_axis(rows), marks, title)


def _shown_bars(ladder: Ladder) -> list[tuple[str, RungEffect, float, str]]:
    """Return the bars of the rungs and of all rungs at once, without sums."""
    shown = [*ladder.steps, *(together.measured for together in ladder.together)]
    return [bar for bar in rung_bars(ladder) if bar[1] in shown]


def _ends(effect: RungEffect) -> tuple[float | None, ...]:
    return effect.us, effect.us_low, effect.us_high


def _bar(y: float, effect: RungEffect, start_us: float, style: Style) -> Iterator[Mark]:
    if effect.us is None or effect.us_low is None or effect.us_high is None:
        return
    end_us = start_us + effect.us
    is_faint = effect.verdict not in ("faster", "slower")
    yield Bar(y, start_us, end_us, Style(style.color, is_faint=is_faint))
    yield Points([end_us], [y], WHISKER, lows=[start_us + effect.us_low], highs=[start_us + effect.us_high])
