"""The parts in which all tests run: none is left out, and none runs twice."""

from pathlib import Path

import pytest

from scripts import test_parts
from scripts.test_parts import PARTS

TESTS = Path(__file__).parents[2]


def files_of(part: tuple[str, ...]) -> set[Path]:
    ignored = tuple(word.removeprefix("--ignore=") for word in part if word.startswith("--ignore="))
    places = [TESTS.parent / word for word in part if not word.startswith("--")]
    files = {file for place in places for file in (place.rglob("test_*.py") if place.is_dir() else [place])}
    return {file for file in files if not str(file.relative_to(TESTS.parent)).startswith(ignored or ("no",))}


def test_every_test_file_is_in_one_part() -> None:
    files = [file for part in PARTS for file in files_of(part)]
    assert sorted(files) == sorted(TESTS.rglob("test_*.py"))


@pytest.mark.parametrize("apart", [True, False])
@pytest.mark.parametrize("failing", ["mypy", "tests/unit", "tests/effects", ""])
def test_whatever_fails_makes_the_whole_fail(monkeypatch: pytest.MonkeyPatch, failing: str, *, apart: bool) -> None:
    monkeypatch.setattr(test_parts, "can_be_apart", lambda _disk: apart)
    monkeypatch.setattr(test_parts, "run_checks", lambda command: failing not in command)
    assert test_parts.main() == (1 if failing else 0)
