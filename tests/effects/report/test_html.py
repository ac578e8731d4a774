"""The HTML report, opened in a real browser that has no network to ask."""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import pytest
from click.testing import CliRunner
from pydantic import BaseModel

from harness.analysis.between_runs.changes import RunComparison
from harness.analysis.between_runs.fleet import form_fleet
from harness.analysis.between_runs.history import history_of
from harness.analysis.between_runs.pool import pool_fleet
from harness.analysis.plot_data import plot_data
from harness.cli import cli
from harness.model import Doubt, ImportedRun
from harness.model.validation import Validation
from harness.report.commands.compare import comparison_report
from harness.report.commands.history import history_report
from harness.report.commands.machine import floor_report
from harness.report.commands.pool import pool_report
from harness.report.commands.validation import validation_report
from harness.report.html.page import render_page
from harness.store.briefs import read_briefs
from tests.support.browser import Page
from tests.support.factorial_experiments import factorial
from tests.support.fleets import FACTORS, fleet_runs
from tests.support.history_runs import write_history
from tests.support.imported_runs import floor
from tests.support.ladder_experiments import whole_ladder
from tests.support.run_reports import render_html
from tests.support.simulated_run import PILOT, Run, run_of

Stored = TypeVar("Stored", bound=BaseModel)

DOUBT = Doubt(kind="busy", seen="python used 49 % of a CPU", advice="End what else runs on this machine.")
PAIRS = {f"uds-tmpfs/{kept}": f"tcp/{kept}" for kept in (0, 16, 32, 64, 128, 256)}
LADDER = whole_ladder()
SCREEN = factorial(
    {f"knobs.net.ipv4.tcp_{name}": [1, 0] for name in ("sack", "slow_start_after_idle", "autocorking")},
    against="",
    design={"screen": "plackett-burman"},
)
RUNGS = [arm.name for arm in LADDER.arms]
ELSEWHERE = [
    ImportedRun(
        Path("a.txt"), "ab", where, "sharedvolume", "uds", requests_per_s=rate, mean_us=1e6 / rate, remarks=("Odd.",)
    )
    for where in ("docker-desktop-macos", "")
    for rate in (4839.33, 735.33)
]


def beside(run: Run) -> Run:
    """With what was measured elsewhere."""
    return replace(run, summary=run.summary.model_copy(update={"foreign": tuple(ELSEWHERE)}))


RUNS: Mapping[str, Callable[[], Run]] = {
    "few": lambda: beside(run_of({"tcp": 1.0, "uds-tmpfs": 0.9, "uds-dir": 0.905}, pilot=PILOT, doubts=[DOUBT])),
    "many": lambda: run_of(dict.fromkeys([*PAIRS, *PAIRS.values()], 1.0), against=PAIRS, rounds=20),
    "one-session": lambda: run_of({"tcp": 1.0, "uds-tmpfs": 0.9}, sessions=1, failures={"tcp": 3}, raw=False),
    "ladder": lambda: run_of(dict.fromkeys(RUNGS, 1.0), experiment=LADDER, rounds=4),
    "screen": lambda: run_of(dict.fromkeys(SCREEN.levels, 1.0), experiment=SCREEN, rounds=4),
    "long-names": lambda: run_of({"tcp": 1.0, "uds-tmpfs/net.ipv4.tcp_congestion_control=cubic/" + "0" * 40: 0.9}),
}
DATA = Path(__file__).parents[2] / "data"
OLD_RUNS = [str(DATA / "old_results" / name) for name in ("first", "second")]
PAGES: Mapping[str, Callable[[], str]] = {  # of the other commands
    "compare": lambda: page_of("compare", *OLD_RUNS),
    "compare-three": lambda: render_page(comparison_report(stored(RunComparison, "comparison/three-runs.json"))),
    "validate": lambda: render_page(validation_report(stored(Validation, "validation/repeated.json"))),
    "validate-seed": lambda: render_page(validation_report(stored(Validation, "validation/seed.json"))),
    "history": lambda: history_page(),
    "pool": lambda: render_page(pool_report(pool_fleet(form_fleet(fleet_runs(), [""] * len(FACTORS))))),
    "doctor": lambda: page_of("doctor", "--seconds", "0"),
    "floor": lambda: render_page(floor_report(floor())),
    "plan": lambda: page_of("plan", "ladder"),
    "plan-screen": lambda: page_of("plan", "kernel-screen"),
}
NAMES = [*RUNS, *PAGES]
WITHOUT_FIGURES = {"doctor", "floor", "plan", "plan-screen"}
SCREENS = [(1280, 800), (390, 844)]
WIDTHS = [1280, 1000, 375]
PAPER_WIDTH, PAPER_HEIGHT = 688, 1016  # of A4 between its margins
A4 = {"paperWidth": 8.27, "paperHeight": 11.69, "preferCSSPageSize": True}
SHEET = re.compile(rb"/Type\s*/Page\b")
LEAST_SHARE = 0.9  # of the paper that has something on it, but for the last page
PARAGRAPH, SENTENCE_END = re.compile(r"<(?:p|figcaption)\b[^>]*>(.*?)</", re.DOTALL), re.compile(r"(?<=\.)\s+(?=[A-Z])")
DRAWN = (
    "[...document.querySelectorAll('figure')].map(figure => figure.querySelectorAll('svg svg > :not(.grid)').length)"
)
TEXT_COLOR = "getComputedStyle(document.querySelector('.plot .axis')).fill"
CUT = """[...document.querySelectorAll('.plot text')].filter(text => {
  const [inner, outer] = [text, text.ownerSVGElement].map(element => element.getBoundingClientRect());
  return inner.left < outer.left - 1 || inner.right > outer.right + 1;
}).map(text => text.textContent)"""
# Words of a figure whose boxes share more than the space between lines.
OVERLAPPING = """[...document.querySelectorAll('.plot')].flatMap(plot => {
  const texts = [...plot.querySelectorAll('text')].filter(text => text.textContent.trim());
  const boxes = texts.map(text => text.getBoundingClientRect());
  const overlap = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 0.4 * Math.min(a.height, b.height);
  return texts.flatMap((text, place) => texts.slice(place + 1)
    .filter((_, after) => overlap(boxes[place], boxes[place + 1 + after]))
    .map(other => `${text.textContent} | ${other.textContent}`));
})"""
CUT_TABLES = """[...document.querySelectorAll('.wide')].filter(box => box.scrollWidth > box.clientWidth)
  .map(box => box.textContent)"""
# Letters that match a pattern and stand side by side in a text, but on two lines.
BROKEN = """[...document.querySelectorAll('ELEMENTS')].flatMap(cell => {
  const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), range = document.createRange(), broken = [];
  const line = (text, place) => {
    range.setStart(text, place);
    range.setEnd(text, place + 1);
    return range.getBoundingClientRect().top;
  };
  for (let text; (text = texts.nextNode());)
    for (let place = 1; place < text.length; place++)
      if (/PATTERN$/i.test(text.data.slice(Math.max(place - 2, 0), place + 1))
          && line(text, place - 1) < line(text, place))
        broken.push(text.data);
  return broken;
})"""
BROKEN_WORDS = BROKEN.replace("ELEMENTS", "th, td").replace("PATTERN", "[a-z]{2}")
BROKEN_OPTIONS = BROKEN.replace("ELEMENTS", "p, li, dd").replace("PATTERN", "--[a-z]")
BOTTOMS = "['h1', '.answer', '.certainty'].map(what => document.querySelector(what).getBoundingClientRect().bottom)"


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("reports")
    pages = {name: run_page(run()) for name, run in RUNS.items()} | {name: page() for name, page in PAGES.items()}
    paths = {name: directory / f"{name}.html" for name in pages}
    for name, page in pages.items():
        paths[name].write_text(page, encoding="utf-8")
    return paths


def run_page(run: Run) -> str:
    return render_html(run.summary, run.plan, run.host, plot_data(run.plan.experiment, run.sessions))


def page_of(*arguments: str) -> str:
    """Return the page that a command prints."""
    result = CliRunner().invoke(cli, [*arguments, "--html"], standalone_mode=False)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.stdout


def history_page() -> str:
    with TemporaryDirectory() as directory:
        write_history(Path(directory))
        return render_page(history_report(history_of("results", *read_briefs(Path(directory))), directory))


def stored(model: type[Stored], name: str) -> Stored:
    return model.model_validate_json((DATA / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_is_drawn_and_the_console_stays_silent(page: Page, reports: dict[str, Path], name: str) -> None:
    page.show(*SCREENS[0])

    page.open(reports[name])

    drawn = page.evaluate(DRAWN)
    assert bool(drawn) == (name not in WITHOUT_FIGURES)
    assert all(drawn)
    assert not page.complaints()


def test_nothing_but_the_file_itself_is_asked_for(page: Page, reports: dict[str, Path]) -> None:
    page.show(*SCREENS[0])

    page.open(reports["few"])

    assert [url for url in page.requested() if not url.startswith("data:")] == [reports["few"].as_uri()]


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("name", ["few", "many"])
def test_the_first_screen_holds_what_was_asked_and_found_and_how_sure_it_is(
    page: Page, reports: dict[str, Path], name: str, screen: tuple[int, int]
) -> None:
    page.show(*screen)

    page.open(reports[name])

    assert max(page.evaluate(BOTTOMS)) <= screen[1]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", NAMES)
def test_no_screen_must_be_scrolled_sideways(page: Page, reports: dict[str, Path], name: str, width: int) -> None:
    page.show(width, 800)

    page.open(reports[name])

    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", [name for name in NAMES if name != "long-names"])
def test_no_table_is_cut_and_no_word_of_it_is_broken(
    page: Page, reports: dict[str, Path], name: str, width: int
) -> None:
    page.show(width, 800)

    page.open(reports[name])
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")

    assert page.evaluate(CUT_TABLES) == []
    assert page.evaluate(BROKEN_WORDS) == []
    assert page.evaluate(BROKEN_OPTIONS) == []


def test_paper_has_no_box_that_scrolls_and_no_row_on_two_pages(page: Page, reports: dict[str, Path]) -> None:
    page.show(*SCREENS[0])
    page.open(reports["many"])

    page.call("Emulation.setEmulatedMedia", media="print")
    looks = page.evaluate(
        "[['.wide', 'overflowX'], ['tbody tr', 'breakInside'], ['h2', 'breakAfter'], ['caption', 'breakAfter']]"
        ".map(([what, property]) => getComputedStyle(document.querySelector(what))[property])"
    )
    page.call("Emulation.setEmulatedMedia", media="")

    assert looks == ["visible", "avoid", "avoid", "avoid"]


@pytest.mark.parametrize("name", PAGES)
def test_paper_is_not_wasted_on_what_could_stand_on_the_page_before(
    page: Page, reports: dict[str, Path], name: str
) -> None:
    page.show(PAPER_WIDTH, PAPER_HEIGHT)
    page.open(reports[name])

    page.call("Emulation.setEmulatedMedia", media="print")
    height = page.evaluate("document.body.getBoundingClientRect().height")
    page.call("Emulation.setEmulatedMedia", media="")
    sheets = len(SHEET.findall(base64.b64decode(page.call("Page.printToPDF", **A4)["data"])))

    assert sheets <= 1 + height / (LEAST_SHARE * PAPER_HEIGHT)


@pytest.mark.parametrize("name", NAMES)
def test_no_paragraph_and_no_caption_says_what_another_says(reports: dict[str, Path], name: str) -> None:
    texts = PARAGRAPH.findall(reports[name].read_text(encoding="utf-8"))
    sentences = [sentence for text in texts for sentence in SENTENCE_END.split(text.strip())]

    assert [sentence for sentence in {*sentences} if sentences.count(sentence) > 1] == []


def test_figures_follow_the_scheme_while_the_page_is_open(page: Page, reports: dict[str, Path]) -> None:
    page.show(*SCREENS[0])
    page.open(reports["few"])
    light = page.evaluate(TEXT_COLOR)

    page.show(*SCREENS[0], "dark")
    page.settle()

    assert page.evaluate(TEXT_COLOR) != light


def test_paper_is_light_even_when_the_screen_is_dark(page: Page, reports: dict[str, Path]) -> None:
    page.show(*SCREENS[0])
    page.open(reports["few"])
    light = page.evaluate(TEXT_COLOR)
    dark_scheme = [{"name": "prefers-color-scheme", "value": "dark"}]

    page.call("Emulation.setEmulatedMedia", media="print", features=dark_scheme)
    printed = page.evaluate(TEXT_COLOR)
    page.call("Emulation.setEmulatedMedia", media="", features=dark_scheme)

    assert printed == light != page.evaluate(TEXT_COLOR)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_no_words_of_a_figure_are_cut_or_under_others(
    page: Page, reports: dict[str, Path], name: str, width: int
) -> None:
    page.show(width, 800)

    page.open(reports[name])

    assert page.evaluate(CUT) == []
    assert page.evaluate(OVERLAPPING) == []


@pytest.mark.parametrize("name", [name for name in NAMES if name != "long-names"])
def test_everything_fits_paper(page: Page, reports: dict[str, Path], name: str) -> None:
    page.show(PAPER_WIDTH, 1000)
    page.open(reports[name])

    page.call("Emulation.setEmulatedMedia", media="print")
    width = page.evaluate("document.documentElement.scrollWidth")
    page.call("Emulation.setEmulatedMedia", media="")

    assert width <= PAPER_WIDTH


def test_it_prints_on_a_few_pages(page: Page, reports: dict[str, Path], tmp_path: Path) -> None:
    page.show(*SCREENS[0])
    page.open(reports["few"])

    printed = base64.b64decode(page.call("Page.printToPDF")["data"])

    (tmp_path / "report.pdf").write_bytes(printed)
    assert 1 < len(re.findall(rb"/Type\s*/Page\b", printed)) < 12


@pytest.mark.parametrize(("screen", "scheme"), [(SCREENS[0], "light"), (SCREENS[1], "dark")])
def test_there_is_something_to_look_at(
    page: Page, reports: dict[str, Path], screen: tuple[int, int], scheme: str, tmp_path: Path
) -> None:
    page.show(*screen, scheme)
    page.open(reports["few"])

    picture = base64.b64decode(page.call("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    (tmp_path / f"{screen[0]}-{scheme}.png").write_bytes(picture)
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 20_000  # an empty page has 4000
