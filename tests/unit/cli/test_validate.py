"""barehop validate, from the options to what is printed and written; without any process."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import cli
from harness.errors import ConfigError
from tests.support.comparable_runs import run_data, write_run

TABLE = """\
where,architecture,requests_per_s,ms_per_request,p99_ms
home,tcp,1250.00,0.800,2
home,uds-vol,1000.00,1.000,2
"""


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(run_data(), tmp_path_factory.mktemp("bare") / "run")


def said(*arguments: str | Path) -> str:
    result = CliRunner().invoke(cli, ["validate", *map(str, arguments)], standalone_mode=False)
    if result.exception:
        raise result.exception
    return result.output


def test_without_a_file_it_is_the_write_up_s_table(bare: Path) -> None:
    assert said(bare).startswith("Of 6 claims, none can be decided")


def test_a_file_is_held_against_the_run(bare: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text(TABLE)
    found = json.loads(said(bare, "--against", table, "--json"))

    assert [(claim["where"], claim["architecture"], round(claim["us"])) for claim in found["claims"]] == [
        ("home", "uds-vol", 200)
    ]


def test_a_page_and_its_data_are_written_beside_the_run(bare: Path) -> None:
    page = Path(said(bare, "--html").strip())

    assert page.read_text().startswith("<!doctype html>")
    assert json.loads(page.with_suffix(".json").read_text())["format"] == 1


def test_markdown_has_the_answer_below_its_title(bare: Path) -> None:
    title, _, answer, *_ = said(bare, "--markdown").splitlines()

    assert title.startswith("# ")
    assert answer.startswith("**Of 6 claims")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--json", "--html"], "exclude each other"),
        (["--against", "no-such-file.csv"], "no-such-file.csv cannot be read"),
        (["--ladder", "no-such-directory"], "holds no run"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(bare: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        said(bare, *arguments)


def test_a_run_without_rungs_is_no_ladder(bare: Path) -> None:
    with pytest.raises(ConfigError, match="no arm has a rung"):
        said(bare, "--ladder", bare)
