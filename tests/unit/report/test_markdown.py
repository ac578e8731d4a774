"""Golden reports in Markdown, and text that must not turn into markup."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.model import Design, Summary
from harness.report.cells import text_table
from harness.report.document import Report, Section
from harness.report.sections.arm_table import arm_table
from harness.report.text import markdown
from harness.report.text.markdown import escape_markdown
from tests.support.run_reports import render_markdown

DATA = Path(__file__).parents[2] / "data" / "report"
CASES = sorted(path.stem for path in DATA.glob("*.json"))


def summary(name: str) -> Summary:
    return Summary.model_validate_json((DATA / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", ["baseline", "failed-requests", "two-references", "undecided"])
def test_a_report_reads_as_expected(case: str, golden: Callable[[Path, str], None]) -> None:
    golden(DATA / f"{case}.md", render_markdown(summary(case), Design()))


def before_sections(case: str) -> list[str]:
    """With the table of the arms alone."""
    text = render_markdown(summary(case), Design())
    for heading in ("Failed requests", "Tail latency", "Compared with the write-up"):
        text = text.split(f"## {heading}")[0]
    return text.splitlines()


@pytest.mark.parametrize("case", CASES)
def test_every_line_of_the_table_has_every_column(case: str) -> None:
    table = [line for line in before_sections(case) if line.startswith("|")]

    assert {line.replace(r"\|", "").count("|") for line in table} == {len(arm_table(summary(case)).columns) + 1}


@pytest.mark.parametrize("case", CASES)
def test_every_arm_that_was_compared_has_one_line(case: str) -> None:
    seen = summary(case)
    compared = {name for each in seen.comparisons for name in (each.arm, each.against)}

    lines = before_sections(case)

    assert {name: sum(line.startswith(f"| {name} |") for line in lines) for name in compared} == dict.fromkeys(
        compared, 1
    )


def test_a_result_that_is_not_valid_begins_with_a_warning() -> None:
    assert render_markdown(summary("failed-requests"), Design()).startswith(
        "# baseline\n\n> [!WARNING]\n> **Not valid: do not use the numbers below until no request fails.** "
    )


def test_without_doubts_there_is_no_heading_for_them() -> None:
    assert "Doubts" not in render_markdown(summary("baseline").model_copy(update={"doubts": ()}), Design())


def test_what_is_long_is_folded_below_the_numbers_and_what_is_wide_is_divided() -> None:
    table = text_table(("arm", *map(str, range(12))), [[f"arm-{number}", *"123456789012"] for number in range(20)])
    reasons = [f"Reason {number}." for number in range(15)]
    sections = [Section("The numbers", reasons, [table]), Section("Why", reasons, [table])]

    numbers, why = markdown.render_markdown(Report(title="t", answer=["a"], sections=sections)).split("## Why")

    assert "<details>" not in numbers
    assert re.findall("<summary>(.*)</summary>", why) == ["10 more", "20 rows"]
    assert why.count("<details>") == why.count("\n\n</details>") == 2
    assert max(line.count("|") for line in why.splitlines()) == 12 / 2 + 2


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a | b", r"a \| b"),
        ("2 * 3 < [x]", r"2 \* 3 \< \[x\]"),
        ("net.ipv4.tcp_tw_reuse", "net.ipv4.tcp_tw_reuse"),
        ("_all_ of it", r"\_all\_ of it"),
        ("run `a_b *` now*", r"run `a_b *` now\*"),
    ],
)
def test_text_stays_text_and_code_stays_code(text: str, written: str) -> None:
    assert escape_markdown(text) == written
