"""README's pictures and numbers: those of what is published, in files that a page can show as images."""

import re
from xml.etree.ElementTree import fromstring

import pytest

from harness.errors import ConfigError
from harness.report.document import Figure, Points
from scripts.precision_study.figure import FALSE_ALARM, equal_arms_figure
from scripts.precision_study.intervals import Interval
from scripts.precision_study.table import Finding, rows_of
from scripts.publication.pictures import picture_files, readme_figures
from scripts.publication.readme import PICTURES, fill_readme
from scripts.publication.results import Results, read_published
from scripts.publication.svg_file import SCHEMES, svg_file
from scripts.readme_blocks import README, fill_block

NAMESPACE = "{http://www.w3.org/2000/svg}"
UNIT = re.compile(r"\b(us|ms|s)\b|%")
LONGEST_README = 180  # lines
OUTSIDE = re.compile(r"<script|href|url\(|@import|var\(|data:")
BLOCK = re.compile(r"^<!-- (?!end of )(\S+) -->\n(.*?)^<!-- end of \1 -->$", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def results() -> Results:
    return read_published()


def test_the_pictures_are_those_of_the_published_results(results: Results) -> None:
    """When this fails after something was published: scripts/pictures draws them again."""
    assert {path.name: path.read_text(encoding="utf-8") for path in PICTURES.iterdir()} == picture_files(results)


def test_the_readme_has_the_published_numbers_and_stays_short(results: Results) -> None:
    """When this fails after something was published: scripts/pictures writes them again."""
    readme = README.read_text(encoding="utf-8")
    assert fill_readme(readme, results) == readme
    assert len(readme.splitlines()) <= LONGEST_README


def test_no_block_of_the_readme_is_empty() -> None:
    blocks = BLOCK.findall(README.read_text(encoding="utf-8"))
    assert {name for name, _ in blocks} >= {"screen", "forest", "methods", "headline", "ladder", "code", "write-up"}
    assert [name for name, text in blocks if not text.strip()] == []


def test_the_readme_shows_every_picture_and_no_other() -> None:
    shown = re.findall(r'(?:srcset|src)="([^"]+)"', README.read_text(encoding="utf-8"))
    assert sorted(README.parent / path for path in shown) == sorted(PICTURES.iterdir())


def test_a_readme_without_a_place_is_refused(results: Results) -> None:
    with pytest.raises(ConfigError, match="no lines between <!-- screen -->"):
        fill_readme("# barehop\n", results)


def test_a_block_is_filled_again_and_the_rest_stays() -> None:
    readme = "a\n<!-- x -->\nold\n<!-- end of x -->\nb\n"
    filled = fill_block(readme, "x", r"new \1")
    assert filled == "a\n<!-- x -->\nnew \\1\n<!-- end of x -->\nb\n"
    assert fill_block(filled, "x", "old") == readme


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_picture_is_one_image_with_a_title_and_a_description(results: Results, scheme: str) -> None:
    for figure in readme_figures(results):
        text = svg_file(figure, scheme)
        image = fromstring(text)
        assert image.tag == f"{NAMESPACE}svg"
        assert [image[0].tag, image[1].tag] == [f"{NAMESPACE}title", f"{NAMESPACE}desc"]
        assert all((image[place].text or "").strip() for place in (0, 1))
        assert "sans-serif" in text
        assert OUTSIDE.findall(text) == []


def test_light_and_dark_pictures_differ_in_colors_only(results: Results) -> None:
    for figure in readme_figures(results):
        light, dark = (svg_file(figure, scheme) for scheme in SCHEMES)
        assert light != dark
        color = re.compile(r"#[0-9a-f]{6}|rgba\([^)]*\)")
        assert color.sub("", light) == color.sub("", dark)


def test_every_axis_of_a_picture_has_a_unit(results: Results) -> None:
    for figure in readme_figures(results):
        axes = [axis for axis in (figure.x, figure.y) if axis.is_visible]
        assert axes
        assert all(UNIT.search(axis.title + axis.suffix) for axis in axes), figure.name


def finding(repeat: int, low: float, high: float) -> Finding:
    interval = Interval(percent=(low + high) / 2, percent_low=low, percent_high=high)
    return Finding(
        method="barehop", repeat=repeat, effect=interval, control=interval, runs=8, own_alarm=None, seconds=1
    )


def false_alarms(figure: Figure) -> list[float]:
    return [x for mark in figure.marks if isinstance(mark, Points) and mark.style == FALSE_ALARM for x in mark.xs]


def test_an_interval_that_excludes_the_truth_is_a_false_alarm() -> None:
    findings = [finding(1, -1, 1), finding(2, 1, 3), finding(3, -5, -3)]
    figure = equal_arms_figure(rows_of(findings, ["barehop"]), findings)
    assert false_alarms(figure) == [2, -4]
    assert "2 of 3 false alarms" in figure.alt
