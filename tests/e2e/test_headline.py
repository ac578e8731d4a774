"""`scripts/precision --headline`: a study that is killed in the middle continues, and repeats no finished run."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.start import module_command
from tests.support.command import CHECKOUT, LOCK, eventually, fixed, nothing_left

TINY = ("--runs", "2", "--budget", "3", "--seed", "4", *fixed(2, 3, control=True))
FILES = {"headline.md", "headline.json", "headline.csv"}


@contextmanager
def study(here: Path, *words: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """A study that runs; what it says is in here/said."""
    environment = {**os.environ, "BAREHOP_LOCK": str(here / LOCK)}
    argv = [sys.executable, *module_command("scripts.precision_study"), "--headline", *words]
    with (
        nothing_left(),
        (here / "said").open("wb") as said,
        subprocess.Popen(argv, cwd=CHECKOUT, env=environment, stdout=subprocess.DEVNULL, stderr=said) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def says(here: Path, text: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until the study has said `text`."""
    assert eventually(lambda: text in (here / "said").read_text() or process.poll() is not None)
    assert text in (here / "said").read_text()


def test_a_study_that_is_interrupted_leaves_nothing_and_says_how_to_continue(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with study(tmp_path, *TINY, "--out", out) as process:
        assert eventually(lambda: (out / "runs/00/stack").exists())
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert f"Continue it  scripts/precision --headline --resume {out}" in (tmp_path / "said").read_text()


def test_a_study_that_is_killed_in_the_middle_continues_where_it_was(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with study(tmp_path, *TINY, "--out", out) as process:
        says(tmp_path, "run 2 of 4", process)
        assert eventually(lambda: (out / "runs/03").exists())
        process.kill()
    finished = {path: path.read_bytes() for path in (out / "01.json", out / "02.json", out / "trial.json")}
    kept = [(path, path.stat().st_mtime_ns) for path in sorted(out.glob("runs/0[012]/plan.json"))]
    assert not FILES & {path.name for path in out.iterdir()}

    with study(tmp_path, "--resume", out) as process:
        assert process.wait(120) == 0
    assert {path: path.read_bytes() for path in finished} == finished
    assert [(path, path.stat().st_mtime_ns) for path, _ in kept] == kept
    assert [line.split(",")[0] for line in (tmp_path / "said").read_text().splitlines() if " of 4," in line] == [
        "precision: run 3 of 4",
        "precision: run 4 of 4",
    ]
    result = json.loads((out / "headline.json").read_bytes())
    assert [finding["run"] for finding in result["findings"]] == [1, 2, 3, 4]
    assert sorted(finding["kind"] for finding in result["findings"]) == ["equal", "equal", "more work", "more work"]
    assert result["tally"]["found"]["runs"] == result["tally"]["alarms"]["runs"] == 2
    assert (out / "headline.md").read_text().startswith(f"# One minute, one percent\n\n**{result['answer']}**")
    assert len((out / "headline.csv").read_text().splitlines()) == 5
