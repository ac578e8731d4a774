"""The schemas: shipped as they are printed; what barehop reads and writes agrees with them."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from harness.cli.common import packaged_configs
from harness.cli.init import TEMPLATE
from harness.cli.schema import SCHEMA_DIRECTORY, SUBJECTS, schema_text
from tests.support.source_tree import ROOT

OLD_RESULTS = sorted(path.parent for path in (ROOT / "tests/data").glob("**/plan.json"))


def validator(subject: str) -> Any:
    return jsonschema.Draft202012Validator(json.loads(schema_text(subject)))


def complaints(subject: str, document: object) -> list[str]:
    return [error.message for error in validator(subject).iter_errors(document)]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_shipped_schema_is_what_the_command_prints(subject: str, golden: Callable[[Path, str], None]) -> None:
    golden(SCHEMA_DIRECTORY / f"{subject}.json", schema_text(subject))


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_schema_is_one(subject: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text(subject)))


@pytest.mark.parametrize("path", [*packaged_configs(), TEMPLATE], ids=lambda path: path.stem)
def test_every_packaged_experiment_agrees_with_the_schema(path: Path) -> None:
    assert complaints("experiment", tomllib.loads(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", packaged_configs(), ids=lambda path: path.stem)
def test_every_packaged_experiment_names_its_schema_for_editors(path: Path) -> None:
    named = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("#:schema ")
    assert (path.parent / named).resolve() == (SCHEMA_DIRECTORY / "experiment.json").resolve()


@pytest.mark.parametrize(
    "text",
    [
        'arms = { a = { transprt = "tcp" } }',
        'arm = { transport = "udp" }',
        "arm = { workers = 0 }",
        'arm = { tool = "siege" }',
        'arm = { sandbox = ["jail"] }',
        "design = { budget = 60 }",
        'factors = { transports = ["tcp"] }',
        "settings = { }",
    ],
)
def test_a_mistake_is_found_by_the_schema(text: str) -> None:
    assert complaints("experiment", tomllib.loads(text)) != []


@pytest.mark.parametrize("directory", OLD_RESULTS, ids=lambda directory: directory.name)
def test_files_of_results_agree_with_their_schemas(directory: Path) -> None:
    files = {"summary": directory / "summary.json", "host": directory / "host.json"}
    texts = {subject: path.read_text(encoding="utf-8") for subject, path in files.items() if path.exists()}
    assert texts
    assert [complaint for subject, text in texts.items() for complaint in complaints(subject, json.loads(text))] == []
