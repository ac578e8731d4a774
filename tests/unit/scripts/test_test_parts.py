"""The parts in which all tests run: none is left out, and none runs twice."""

from pathlib import Path

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
