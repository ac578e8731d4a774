"""What is published: an index that is written from its data, names every page, and is renewed page by page."""

import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from harness.session.summarize import read_results
from scripts.markdown_page import render_markdown
from scripts.publication.index import INDEX_PAGE, Entry, Index, index_page, read_index, renew_entries, run_entry
from scripts.publication.measure import is_measured, measure
from scripts.publication.pages import CHECKOUT, PAGES, PUBLISHED, RunPage, StudyPage, run_page
from tests.support.comparable_runs import run_data, write_run


def entry(page: str, answer: str = "faster", machine: str = "2 CPUs") -> Entry:
    return Entry(
        page=page, question="Is it?", answer=answer, date="2026-01-01", machine=machine, command="barehop run x"
    )


def test_the_published_index_is_the_one_that_its_data_gives() -> None:
    assert INDEX_PAGE.read_text(encoding="utf-8") == index_page(read_index())


def test_every_published_page_is_in_the_index() -> None:
    pages = {str(path.relative_to(PUBLISHED)) for path in PUBLISHED.glob("*/*.md")}
    assert pages == {entry.page for entry in read_index().entries}


def test_every_page_is_measured_by_a_configuration_or_a_script_that_exists() -> None:
    for page in PAGES:
        if isinstance(page, RunPage):
            assert (CHECKOUT / "configs" / f"{page.config}.toml").is_file()
        else:
            assert (CHECKOUT / page.command.split()[0]).is_file()
    assert len({page.page for page in PAGES}) == len({page.results for page in PAGES}) == len(PAGES)


def test_no_published_file_names_a_directory_of_the_machine() -> None:
    home = re.compile(r"(?<![\w.])/(home|root|work|tmp)/[\w-]+")
    texts = {path: path.read_text(encoding="utf-8") for path in PUBLISHED.rglob("*") if path.is_file()}
    assert {str(path): found[0] for path, text in texts.items() if (found := home.search(text))} == {}


def test_a_page_that_is_measured_anew_replaces_its_entry_and_no_other() -> None:
    first, second = PAGES[0].page, PAGES[1].page
    index = renew_entries(Index(entries=(entry(second), entry(first))), [entry(first, "slower")])
    assert [(one.page, one.answer) for one in index.entries] == [(first, "slower"), (second, "faster")]


def test_the_index_names_each_machine_once() -> None:
    page = index_page(Index(entries=(entry("a/a.md"), entry("b/b.md", machine="4 CPUs"), entry("c/c.md"))))
    assert page.count("2 CPUs") == page.count("4 CPUs") == 1
    assert [row.split("|")[3].strip() for row in page.splitlines() if row.startswith("| [")] == [
        "2026-01-01, A",
        "2026-01-01, B",
        "2026-01-01, A",
    ]


def test_an_entry_has_question_answer_date_and_machine_of_its_run(tmp_path: Path) -> None:
    write_run(run_data(), tmp_path / "quick")
    made = run_entry(run_page("some", "quick"), read_results(tmp_path / "quick"))
    assert made.page == "some/quick.md"
    assert made.question
    assert made.answer.endswith(".")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", made.date)
    assert "barehop run quick" in made.command


def test_what_a_directory_has_is_not_measured_again(tmp_path: Path) -> None:
    said: list[str] = []
    run = run_page("some", "quick")
    study = StudyPage("some/study.md", "study", "Is it?", "scripts/none --publish", "scripts.none")
    (tmp_path / "quick").mkdir()
    (tmp_path / "quick" / "summary.json").touch()
    (tmp_path / "study.published").touch()
    assert is_measured(run, tmp_path)
    assert is_measured(study, tmp_path)
    measure(run, tmp_path, said.append)
    measure(study, tmp_path, said.append)
    assert said == []


def test_a_page_escapes_what_it_is_given_and_lacks_nothing(tmp_path: Path) -> None:
    template = tmp_path / "page.md.j2"
    template.write_text("{% if True %}\n{{ name | md }} <{{ number }}>\n{% endif %}\n", encoding="utf-8")
    assert render_markdown(template, name="*a*", number=2) == "\\*a\\* <2>\n"
    with pytest.raises(UndefinedError):
        render_markdown(template, name="a")
