"""Files that cannot be read, and what is said about them."""

import re
from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.experiment.read import read_experiment
from tests.support.experiment_files import refusal

ADVICE = "Give the path of an experiment file, or a name that barehop list configs shows."


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    with pytest.raises(ConfigError) as raised:
        read_experiment(path)
    assert str(raised.value) == f"{path} cannot be read: No such file or directory. {ADVICE}"


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        read_experiment(tmp_path)
    assert str(raised.value) == f"{tmp_path} is a directory, not a regular file. {ADVICE}"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("[arm]\nworkers = \n", "Invalid value (at line 2, column 11)"),
        ("[arms.a]\n\n[arms.a]\n", "Cannot declare ('arms', 'a') twice (at line 3, column 8)"),
    ],
)
def test_bad_toml_is_refused_with_the_line(text: str, seen: str) -> None:
    assert refusal(text).endswith(f"/trial.toml is not valid TOML: {seen}. Correct it there.")


def test_a_file_in_another_encoding_is_refused_with_the_byte() -> None:
    sentence = refusal('name = "caf\xe9"'.encode("latin-1"))
    assert sentence.endswith("/trial.toml is not text in UTF-8: byte 0xe9 at offset 11. Save it as UTF-8.")


def test_a_number_that_python_does_not_read_is_bad_toml() -> None:
    assert "is not valid TOML" in refusal("x = " + "9" * 5000)


@pytest.mark.parametrize("text", ["x = " + "[" * 5000, ".".join(["arm"] * 3000) + " = 1"])
def test_a_file_without_end_is_refused(text: str) -> None:
    """By the reader of TOML itself, or because its tables are too deep."""
    assert re.search(r"is nested (too deeply|\d+ deep)", refusal(text))


def test_a_file_without_a_name_has_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "my experiment.toml"
    path.write_text("[arms.a]\n[arms.b]")
    with pytest.raises(ConfigError, match=r'^name = "my experiment": must be made of letters'):
        read_experiment(path)
    assert read_experiment(path, ["name=mine"]).name == "mine"
