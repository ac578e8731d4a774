"""Files that lie about, and shells of every kind: commands work, or say why not, and never end with 0 for nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import CHECKOUT, LOCK, barehop, fixed

START = CHECKOUT / "harness" / "start.py"
NAMES = ("harness", "app", "configs", "click", "numpy", "pyperf", "gunicorn", "uvicorn", "random")


@pytest.fixture
def stray(tmp_path: Path) -> Path:
    """A directory with modules that end whatever imports them, without a word."""
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text("raise SystemExit(0)")
    return tmp_path


def call(cwd: Path, *arguments: str, encoding: str = "utf-8") -> tuple[int, str, str]:
    """What .venv/bin/barehop does."""
    words = (sys.executable, "-P", str(START), "--as", "barehop", "harness", *arguments)
    env = {**os.environ, "PYTHONPATH": str(cwd), "BAREHOP_LOCK": str(cwd.parent / LOCK)}
    env["PYTHONIOENCODING"] = encoding
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, encoding=encoding, check=False)
    return done.returncode, done.stdout, done.stderr


def test_a_command_answers_whatever_modules_lie_about(stray: Path) -> None:
    assert call(stray, "--version")[1].startswith("barehop, version")
    assert "uds-tmpfs" in call(stray, "plan", "quick")[1]


def test_a_gate_that_cannot_be_passed_does_not_end_with_0(stray: Path) -> None:
    code, _, said = call(stray, "compare", "missing", "missing", "--gate", "2")
    assert code == 2
    assert "missing" in said


def test_a_run_with_our_application_meets_none_of_them(stray: Path) -> None:
    code, out, said = call(stray, "run", "quick", *fixed(2, 2), "--out", "out")
    assert code in (0, 1), said
    assert f"All numbers    barehop report {stray / 'out'}" in out


def test_pyperfs_workers_meet_none_of_them(stray: Path) -> None:
    code, out, said = call(stray, "floor", "--processes=1", "--loops=20", "--values=1", "--warmups=0")
    assert code == 0, said
    assert "Results" in out


@pytest.fixture(scope="module")
def odd_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with trial.toml, one of whose arms few encodings can write, and `out`, a run of it."""
    here = tmp_path_factory.mktemp("odd")
    (here / "trial.toml").write_text('[arms.a]\n[arms."中±"]\ntransport = "uds-tmpfs"\n', encoding="utf-8")
    code, out, said = call(here, "run", "trial.toml", *fixed(2, 2), "--out", "out", encoding="ascii")
    assert code in (0, 1), said
    assert "All numbers" in out
    return here


@pytest.mark.parametrize("encoding", ["iso-8859-1", "ascii", "cp437"])
def test_an_output_without_our_characters_gets_others(encoding: str, odd_run: Path) -> None:
    """An arm's name is repeated as JSON would write it."""
    for words in (("plan", "trial.toml"), ("report", "out")):
        code, out, said = call(odd_run, *words, encoding=encoding)
        assert code == 0, said
        assert "\\u4e2d" in out


def test_a_report_goes_elsewhere_where_its_directory_cannot_be_written(tmp_path: Path) -> None:
    ran = barehop(tmp_path, "run", "quick", *fixed(2, 2), "--out", "out")
    assert ran.code in (0, 1), ran.err
    (tmp_path / "out/report.html").unlink()
    (tmp_path / "out/report.html").mkdir()  # root writes past any permission, but not over a directory
    refused = barehop(tmp_path, "report", "out", "--html")
    assert refused.code == 3
    assert "Choose another directory" in refused.err
    written = barehop(tmp_path, "report", "out", "--html", "--out", "page.html")
    assert (written.code, written.out) == (0, "page.html\n")
    assert "<html" in (tmp_path / "page.html").read_text()
    assert barehop(tmp_path, "report", "out", "--out", "page.html").code == 2


def test_words_that_are_nearly_right_are_guessed(tmp_path: Path) -> None:
    assert "Did you mean 'quick'?" in barehop(tmp_path, "run", "quik").err
    assert "Did you mean 'run'?" in barehop(tmp_path, "rnu", "quick").err
    assert "Did you mean 'tcp'?" in barehop(tmp_path, "show", "quick", "tpc").err
