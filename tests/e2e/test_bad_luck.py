"""Bad luck: an application, a server or a disk that fails costs what comes after, never what was measured before."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from harness.model import Summary
from tests.support.command import barehop, fixed, odd, started

ONE_ROUND = fixed(2, 1)
MANY_VISITS = fixed(2, 200, burst=1, settle=0)
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a file system")


def summary_in(directory: Path) -> Summary:
    return Summary.model_validate_json((directory / "summary.json").read_bytes())


def finished(directory: Path) -> list[str]:
    return sorted(path.name for path in (directory / "sessions").iterdir())


@pytest.mark.parametrize(
    ("app", "told"),
    [
        ("needs_missing_module:app", "No module named 'a_module_that_nobody_has'"),
        ("always_500:nothing", "Failed to find attribute 'nothing'"),
        ("always_500:app", "answers / with status 500 instead of 2xx"),
    ],
)
def test_an_application_that_does_not_serve_ends_the_run_with_its_own_words(
    tmp_path: Path, app: str, told: str
) -> None:
    ended = barehop(tmp_path, "run", "quick", *ONE_ROUND, *odd(app), "--out", "out")
    assert ended.code == 4
    assert told in ended.err
    assert str(tmp_path / "out/stack/0001/gunicorn.log") in ended.err
    assert finished(tmp_path / "out") == []


def test_an_application_that_fails_sometimes_gets_no_verdict_and_keeps_its_sessions(tmp_path: Path) -> None:
    ended = barehop(tmp_path, "run", "quick", *fixed(2, 3), *odd("sometimes_500:app"), "--out", "out")
    summary = summary_in(tmp_path / "out")
    failed = {name for name, arm in summary.arms.items() if arm.failed}
    assert ended.code == 1
    assert ended.out.startswith("Not valid: do not use the numbers below until no request fails.")
    assert failed
    assert not summary.valid
    assert [doubt.kind for doubt in summary.doubts if doubt.arm in failed].count("failed") == len(failed)
    assert {each.verdict for each in summary.comparisons if {each.arm, each.against} & failed} == {None}
    assert finished(tmp_path / "out") == ["0001.json", "0001.parquet", "0002.json", "0002.parquet"]


def test_what_an_application_logs_for_each_request_is_doubted_with_its_bytes(tmp_path: Path) -> None:
    """4000 bytes for each of the 40 requests that a session sends."""
    ended = barehop(tmp_path, "run", "quick", *fixed(2, 2), *odd("loud:app"), "--out", "out", "--details")
    assert ended.code in (0, 1), ended.err
    doubts = [doubt for doubt in summary_in(tmp_path / "out").doubts if doubt.kind == "logging"]
    assert [doubt.session for doubt in doubts] == [1, 2]
    for doubt in doubts:
        assert "gunicorn of tcp, uds-tmpfs logged 160 kB" in doubt.seen
        assert "4000 bytes per request of the session" in doubt.seen
    assert "bytes per request of the session" in " ".join(ended.out.split())


def test_a_body_that_is_cut_short_is_no_answer(tmp_path: Path) -> None:
    ended = barehop(tmp_path, "run", "quick", *ONE_ROUND, *odd("short_body:app", worker_class="sync"), "--out", "out")
    assert ended.code == 4
    assert "Arm 'tcp'" in ended.err
    assert finished(tmp_path / "out") == []


def dying(tmp_path: Path, *, spared: int, requests: int) -> dict[str, str]:
    return {"STARTS": str(tmp_path / "starts"), "SPARED": str(spared), "REQUESTS": str(requests)}


def test_a_worker_that_is_killed_ends_the_run_and_the_sessions_before_are_reported(tmp_path: Path) -> None:
    options = (*fixed(3, 3, control=True), *odd("kills_itself:app"))
    env = dying(tmp_path, spared=1, requests=150)
    ended = barehop(tmp_path, "run", "quick", *options, "--out", "out", env=env)
    assert ended.code == 4
    assert "was sent SIGKILL" in ended.err
    assert "Only 1 of 3 sessions was measured" in " ".join(ended.out.split())
    assert "run --resume" in ended.out
    assert finished(tmp_path / "out") == ["0001.json", "0001.parquet"]
    assert summary_in(tmp_path / "out").sessions == 1


@pytest.mark.parametrize("requests", [30, 135])
def test_a_worker_that_is_killed_in_the_pilot_is_told_from_a_machine_that_fails(tmp_path: Path, requests: int) -> None:
    env = dying(tmp_path, spared=0, requests=requests)
    ended = barehop(tmp_path, "run", "quick", "--budget", "1", *odd("kills_itself:app"), "--out", "out", env=env)
    assert ended.code == 4
    assert "was sent SIGKILL" in ended.err


@contextmanager
def small_disk(directory: Path, size: str) -> Iterator[Path]:
    directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", directory], check=True)
    try:
        yield directory
    finally:
        subprocess.run(["umount", directory], check=True)


def fill(directory: Path) -> None:
    with (directory / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
        while True:
            ballast.write(bytes(4096))


@AS_ROOT
@pytest.mark.needs_root
def test_a_disk_that_fills_up_keeps_and_reports_the_finished_sessions(tmp_path: Path) -> None:
    options = fixed(4, 3)
    with small_disk(tmp_path / "small", "8m") as disk:
        with started(tmp_path, "run", "quick", *options, "--out", disk / "out") as command:
            command.says("session 1 of 4")
            fill(disk)
            ended = command.ended()
        records = list(disk.glob("out/sessions/*.json"))
        assert list(disk.rglob("*.part")) == []
    assert ended.code == 3
    assert "No space left on device" in ended.err
    assert "Traceback" not in ended.err
    assert f"{len(records)} of 4 sessions" in ended.out


@AS_ROOT
@pytest.mark.needs_root
def test_a_disk_that_is_too_small_from_the_start_is_one_sentence(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", "16k") as disk:
        ended = barehop(tmp_path, "run", "quick", *MANY_VISITS, "--quiet", "--out", disk / "out")
    assert (ended.code, ended.out, ended.err.count("\n")) == (3, "", 1)
    assert "No space left on device" in ended.err


def test_a_limit_on_the_size_of_files_leaves_no_half_session(tmp_path: Path) -> None:
    """What a quota does, for those who may not mount: here a record of 400 visits does not fit."""
    code = "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000)); {}"
    limited = (sys.executable, "-c", code.format("os.execv(sys.argv[1], sys.argv[1:])"))
    ended = barehop(tmp_path, "run", "quick", *MANY_VISITS, "--out", "out", before=limited)
    assert ended.code == 3
    assert "File too large" in ended.err
    assert list((tmp_path / "out").rglob("*.part")) == []
    assert list((tmp_path / "out/sessions").glob("*.json")) == []


@pytest.mark.parametrize("arguments", [["list"], ["plan", "quick"], ["-h"]])
def test_output_that_cannot_be_written_is_one_sentence(tmp_path: Path, arguments: list[str]) -> None:
    ended = barehop(tmp_path, *arguments, before=("sh", "-c", 'exec "$@" >/dev/full', "sh"))
    assert (ended.code, ended.err.count("\n")) == (3, 1)
    assert "No space left on device" in ended.err


@pytest.mark.parametrize("redirection", ["| head -1", ">&-"])
def test_a_reader_who_leaves_early_is_no_error_worth_a_word(tmp_path: Path, redirection: str) -> None:
    ended = barehop(tmp_path, "list", "settings", before=("sh", "-c", f'"$@" {redirection}', "sh"))
    assert (ended.code, ended.err) == (0, "")


def test_a_results_directory_that_is_renamed_in_mid_run_is_followed(tmp_path: Path) -> None:
    with started(tmp_path, "run", "quick", *fixed(3, 3), "--out", "out") as command:
        command.says("session 1 of 3")
        (tmp_path / "out").rename(tmp_path / "renamed")
        ended = command.ended()
    assert ended.code == 0
    assert str(tmp_path / "renamed") in ended.out
    assert summary_in(tmp_path / "renamed").sessions == 3


def test_a_results_directory_that_is_removed_in_mid_run_ends_it_and_nothing_is_lost(tmp_path: Path) -> None:
    with started(tmp_path, "run", "quick", *fixed(40, 3), "--out", "out") as command:
        command.says("session 1 of 40")
        shutil.rmtree(tmp_path / "out")
        ended = command.ended()
    rescued = tmp_path / "out-rescued"
    assert ended.code == 3
    assert f"in {rescued}. Continue with: barehop run --resume {rescued}" in ended.err
    assert "Traceback" not in ended.err
    assert "of 40 sessions was measured" in ended.out or "of 40 sessions were measured" in ended.out
    assert summary_in(rescued).sessions >= 1


@pytest.mark.needs_ab
def test_long_names_of_many_bytes_are_measured_by_a_tool(tmp_path: Path) -> None:
    names = ["\u6f22" * 100, "\u6f22" * 99 + "\u5b57"]
    arms = "".join(f'[arms."{name}"]\ntool = "ab"\ntool_requests = 20\n' for name in names)
    (tmp_path / "long.toml").write_text(f'{arms}[design]\nagainst = "{names[0]}"\ncontrol = false\n', encoding="utf-8")
    ended = barehop(tmp_path, "run", "long.toml", *fixed(2, 1), "--out", "out")
    assert ended.code == 0
    assert len(list((tmp_path / "out/stack/0001/tool").iterdir())) == 2
