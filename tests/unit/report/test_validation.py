"""Golden validations for the terminal, as Markdown and as a page, and what every one of them says."""

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.analysis.validation.validate import validate
from harness.model.validation import Validation
from harness.report.commands.validation import validation_answer, validation_report
from harness.report.document import Label, Points
from harness.report.figures.intervals import CLAIM_ROW_HEIGHT, claims_figure
from harness.report.html.page import render_page
from harness.report.text import markdown, terminal
from tests.support.imported_runs import bare, foreign, repeated

DATA = Path(__file__).parents[2] / "data" / "validation"
CASES = sorted(path.stem for path in DATA.glob("*.json"))
WIDTHS = [60, 80, 120]


def validation(name: str) -> Validation:
    return Validation.model_validate_json((DATA / f"{name}.json").read_text(encoding="utf-8"))


def render_validation(seen: Validation, width: int) -> str:
    return terminal.render_terminal(validation_report(seen), width=width)


def sentences(text: str) -> list[str]:
    """Return the sentences of the bullets, without the verdict and the size of each claim."""
    bullets = re.findall(r"^- (.*(?:\n  .*)*)", text, re.MULTILINE)
    prose = [" ".join(bullet.split()) for bullet in bullets]
    spoken = [sentence for bullet in prose for sentence in re.split(r"(?<=\.) (?=[A-Z])", bullet)]
    return [sentence for sentence in spoken if not re.match(r"[\w-]+: |Claimed: ", sentence)]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("case", CASES)
def test_a_validation_reads_as_expected(case: str, width: int, golden: Callable[[Path, str], None]) -> None:
    golden(DATA / f"{case}.{width}.txt", render_validation(validation(case), width=width))


@pytest.mark.parametrize("case", CASES)
def test_a_validation_reads_as_expected_in_a_pull_request(case: str, golden: Callable[[Path, str], None]) -> None:
    golden(DATA / f"{case}.md", markdown.render_markdown(validation_report(validation(case))))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("case", CASES)
def test_nothing_is_cut_short_or_longer_than_the_line(case: str, width: int) -> None:
    text = render_validation(validation(case), width=width)

    assert "…" not in text
    assert all(len(line) <= width for line in text.splitlines())


@pytest.mark.parametrize("case", CASES)
def test_the_page_has_every_verdict_and_its_figure_is_told_in_words(case: str) -> None:
    seen = validation(case)
    page, figure = render_page(validation_report(seen)), claims_figure(seen)

    assert figure is not None
    assert all(f">{claim.standing}</td>" in page for claim in seen.claims)
    assert all(f"{claim.where} {claim.architecture} " in figure.alt for claim in seen.claims)
    assert figure.height_px == CLAIM_ROW_HEIGHT * len(seen.claims)
    assert page.count("<table") == page.count("<caption>")
    assert page.count('class="plot"') == 1


def test_a_claim_that_does_not_add_up_is_drawn_hollow() -> None:
    figure = claims_figure(validation("seed"))

    assert figure is not None
    hollow = [mark for mark in figure.marks if isinstance(mark, Points) and mark.style.symbol == "diamond-open"]
    (mark,) = hollow
    assert mark.xs[0] == pytest.approx(27.2, abs=0.05)


def test_the_caption_explains_only_marks_that_are_there() -> None:
    single, several = (claims_figure(validation(name)) for name in ("seed", "repeated"))

    assert single is not None
    assert several is not None
    assert "hollow" in single.caption
    assert "hollow" not in several.caption
    assert "Without a point" not in single.caption + several.caption


def test_a_place_that_is_too_long_is_cut_and_not_the_architecture() -> None:
    figure = claims_figure(validation("seed"))

    assert figure is not None
    headings = [mark.strong for mark in figure.marks if isinstance(mark, Label)]
    assert headings[:3] == ["docker-deskto… sharedvolume", "docker-desktop-ma… combined", "fargate-x86_64 sharedvolume"]


def test_a_claim_without_a_time_has_a_row() -> None:
    seen = validation("seed")
    untimed = seen.claims[0].model_copy(update={"percent": None, "us": None})
    figure = claims_figure(seen.model_copy(update={"claims": (untimed, *seen.claims[1:])}))

    assert figure is not None
    assert f"{untimed.where} {untimed.architecture} no time, here" in figure.alt


@pytest.mark.parametrize("case", CASES)
def test_every_sentence_stands_once(case: str) -> None:
    spoken = sentences(render_validation(validation(case), width=1000))

    assert len(spoken) > 10
    assert [sentence for sentence, times in Counter(spoken).items() if times > 1] == []


def test_without_a_claim_there_is_no_figure() -> None:
    page = render_page(validation_report(validate(bare(), [foreign("vol", 380.0)])))

    assert "<figure" not in page


def test_what_is_printed_as_json_says_its_format_and_can_be_read_again() -> None:
    seen = validation("seed")
    printed = json.loads(seen.model_dump_json())

    assert printed["format"] == 1
    assert Validation.model_validate(printed) == seen


@pytest.mark.parametrize(
    ("unix_us", "said"),
    [
        ([380.0], "The only claim is confirmed."),
        ([380.0, 430.0], "Of 2 claims, 1 is confirmed and 1 is contradicted."),
        ([430.0, 440.0], "Of 2 claims, 2 are contradicted."),
    ],
)
def test_the_answer_counts_what_became_of_the_claims(unix_us: list[float], said: str) -> None:
    ours = [run for number, mean_us in enumerate(unix_us) for run in repeated(f"uds-{number}", mean_us)]

    assert validation_answer(validate(bare(), [*repeated("tcp", 400.0), *ours])) == said


def test_a_bare_run_that_is_not_valid_is_named_first() -> None:
    text = render_validation(validation("seed").model_copy(update={"valid": False}), width=80)

    assert text.startswith("The bare run is not valid")


def test_without_a_floor_the_way_to_one_is_told() -> None:
    text = render_validation(validate(bare(with_floor=False), [foreign("tcp", 400.0), foreign("vol", 380.0)]), width=80)

    assert "barehop floor" in text


def test_a_name_that_tells_no_transport_is_asked_for() -> None:
    ours = [replace(one, transport="") for one in repeated("mesh", 380.0)]
    text = " ".join(render_validation(validate(bare(), [*repeated("tcp", 400.0), *ours]), width=120).split())

    assert "The transport is unknown from the name mesh; name it uds-mesh." in text
