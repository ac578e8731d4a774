"""What is damaged in a results directory, or is of another run, is refused and named, in one message."""

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from harness.errors import ConfigError, HarnessError
from harness.session.summarize import read_directories, read_results
from harness.store.store import open_store
from tests.support.damaged_results import (
    CALIBRATION,
    check_before_resuming,
    compare_with,
    mutations,
    new_run,
    old_run,
    report_all,
    validate,
)

FLOOR = {"rows": [{"kind": "round-trip", "transport": "tcp", "payload_bytes": 83, "runs_us": [10.1, 10.2]}]}
JSON_FILES = ("plan.json", "host.json", "calibration.json", "floor.json", "sessions/0001.json", "sessions/0002.json")


@pytest.fixture(params=[new_run, old_run], ids=["with an id", "of an earlier version"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    directory: Path = request.param(tmp_path / "run")
    (directory / "calibration.json").write_text(json.dumps(CALIBRATION))
    (directory / "floor.json").write_text(json.dumps(FLOOR))
    return directory


def copy_session(run: Path, original: int, to: int, **changes: Any) -> None:
    sessions = run / "sessions"
    shutil.copy(sessions / f"{original:04}.parquet", sessions / f"{to:04}.parquet")
    record = json.loads((sessions / f"{original:04}.json").read_text())
    (sessions / f"{to:04}.json").write_text(json.dumps({**record, **changes}))


def change_table(run: Path, change: Callable[[pl.DataFrame], pl.DataFrame], session: int = 2) -> None:
    path = run / f"sessions/{session:04}.parquet"
    change(pl.read_parquet(path)).write_parquet(path)


def refusal(run: Path) -> str:
    """What all commands say alike."""
    said = set()
    for command in (read_results, validate, check_before_resuming):
        with pytest.raises(ConfigError) as refused:
            command(run)
        said.add(str(refused.value))
    (message,) = said
    return message


def test_a_whole_run_of_any_version_is_reported(run: Path) -> None:
    report_all(run)
    check_before_resuming(run)
    assert read_results(run).summary.sessions == 3


def test_copies_of_a_session_beyond_the_plan_are_named_with_the_way_out(run: Path) -> None:
    for number in range(9, 17):
        copy_session(run, 1, number)
    message = refusal(run)
    for number in range(9, 17):
        assert f"{run}/sessions/{number:04}.json is beyond the 3 sessions of the plan" in message
    *_, remove, resume = message.split("\n")
    assert remove.startswith(f"rm -r {run}/sessions/0009.* ")
    assert resume == f"barehop run --resume {run}"


def test_a_copy_in_the_place_of_another_session_is_named(run: Path) -> None:
    copy_session(run, 1, 2)
    assert f"{run}/sessions/0002.json has the record of session 1" in refusal(run)


def test_a_copy_whose_number_was_changed_is_named(run: Path) -> None:
    copy_session(run, 1, 3, session=3)
    assert f"{run}/sessions/0003.json repeats session 1: the times of both are the same." in refusal(run)


def test_a_session_of_another_run_is_named(tmp_path: Path) -> None:
    run, other = new_run(tmp_path / "run"), new_run(tmp_path / "other")
    for kind in ("json", "parquet"):
        shutil.copy(other / f"sessions/0002.{kind}", run / f"sessions/0002.{kind}")
    assert f"{run}/sessions/0002.json is of another run: its run_id is " in refusal(run)


def test_a_session_of_a_run_with_an_id_is_not_of_a_run_without(tmp_path: Path) -> None:
    run, other = old_run(tmp_path / "run"), new_run(tmp_path / "other")
    for kind in ("json", "parquet"):
        shutil.copy(other / f"sessions/0002.{kind}", run / f"sessions/0002.{kind}")
    assert "0002.json is of another run" in refusal(run)


def negative(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(latency_ns=-pl.col("latency_ns"))


def with_nulls(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(latency_ns=pl.lit(None, pl.Int64))


def absurd(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(latency_ns=pl.col("latency_ns") * 10**9)


def as_floats(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(latency_ns=pl.lit(float("nan")))


def halved(table: pl.DataFrame) -> pl.DataFrame:
    return table.head(table.height // 2)


def doubled(table: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([table, table])


def emptied(table: pl.DataFrame) -> pl.DataFrame:
    return table.clear()


def of_another_arm(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(arm=pl.lit("nobody"))


def with_a_column(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(more=pl.lit(1))


@pytest.mark.parametrize(
    "change",
    [negative, with_nulls, absurd, as_floats, halved, doubled, emptied, of_another_arm, with_a_column],
    ids=lambda change: change.__name__,
)
def test_a_table_of_requests_that_was_changed_is_named(
    run: Path, change: Callable[[pl.DataFrame], pl.DataFrame]
) -> None:
    change_table(run, change)
    first = refusal(run).split("\n")[0]
    assert first.startswith(f"{run}/sessions/0002.parquet ")
    assert "0001" not in first


def test_the_table_of_another_session_is_named(run: Path) -> None:
    shutil.copy(run / "sessions/0001.parquet", run / "sessions/0002.parquet")
    assert f"{run}/sessions/0002.parquet " in refusal(run)


@pytest.mark.parametrize("name", ["0002.parquet", "0002.json"])
def test_a_file_of_a_session_that_is_cut_short_missing_or_none_is_named(run: Path, name: str) -> None:
    path = run / "sessions" / name
    whole = path.read_bytes()
    for content in (b"", whole[: len(whole) // 2], whole[:-9], b"\xff\xfe\0", b"[" * 100_000, b"null"):
        path.write_bytes(content)
        assert f"{path} " in refusal(run)
    path.unlink()
    makers: list[Callable[[], None]] = [
        path.mkdir,
        lambda: os.mkfifo(path),
        lambda: path.symlink_to(path),
        lambda: path.symlink_to("/dev/zero"),
    ]
    for make in makers:
        make()
        assert str(path) in refusal(run)
        path.rmdir() if path.is_dir() else path.unlink()


def test_all_damages_are_in_one_message(run: Path) -> None:
    (run / "sessions/0001.json").write_text("{")
    (run / "sessions/0002.parquet").write_bytes(b"")
    copy_session(run, 3, 7)
    message = refusal(run)
    assert [name for name in ("0001.json", "0002.parquet", "0007.json") if f"sessions/{name} " in message] == [
        "0001.json",
        "0002.parquet",
        "0007.json",
    ]


def test_the_damages_of_all_directories_are_in_one_message(tmp_path: Path) -> None:
    runs = [new_run(tmp_path / "one"), new_run(tmp_path / "other")]
    for run in runs:
        (run / "sessions/0001.json").write_text("{")
    with pytest.raises(ConfigError) as refused:
        read_directories(read_results, runs)
    assert all(f"{run}/sessions/0001.json" in str(refused.value) for run in runs)


def test_what_a_killed_run_leaves_is_no_damage(run: Path) -> None:
    (run / "sessions/0003.json").unlink()
    (run / "sessions/.0003.json.part").write_bytes(b"{")
    check_before_resuming(run)
    assert read_results(run).summary.sessions == 2


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        (("experiment", "pairs"), [["nobody", "tcp"]], "pairs names an arm that is not there: 'nobody'"),
        (("experiment", "arms"), [], "it has no arms"),
        (("orders",), [[[0, 0, 1]]], "orders has 1 sessions, schedule 3"),
        (("schedule", "sessions"), 10**4000, "plan.json"),
        (("schedule", "rounds"), -1, "schedule.rounds is -1, which is not from 1 to 1000000"),
        (("schedule", "looks"), [3, 1], "schedule.looks does not rise to the 3 sessions"),
    ],
)
def test_a_plan_that_contradicts_itself_is_named(run: Path, keys: tuple[str, ...], value: object, said: str) -> None:
    plan = json.loads((run / "plan.json").read_text())
    holder = plan
    for key in keys[:-1]:
        holder = holder[key]
    holder[keys[-1]] = value
    if value == 10**4000:
        holder[keys[-1]] = 0
        text = json.dumps(plan).replace('"sessions": 0', f'"sessions": 1{"0" * 4000}')
    else:
        text = json.dumps(plan)
    (run / "plan.json").write_text(text)
    assert said in refusal(run)
    assert str(run / "plan.json") in refusal(run)


def test_a_directory_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for place in (loop, Path(f"{tmp_path}/\0"), tmp_path / ("x" * 300)):
        with pytest.raises(ConfigError):
            open_store(place)


@pytest.mark.parametrize("name", JSON_FILES)
def test_a_changed_file_gives_a_sentence_that_names_it_or_a_result(run: Path, tmp_path: Path, name: str) -> None:
    """A small part of what can be done, another part for each file and version.

    Where a record and the times of its session contradict each other, either file is named.
    """
    path = run / name
    good = new_run(tmp_path / "good")
    commands: list[Callable[[Path], object]] = [
        report_all,
        compare_with(good),
        validate,
        check_before_resuming,
        read_results,
    ]
    chance = random.Random(f"{name}/{(run / 'plan.json').stat().st_size}")
    chosen = chance.sample(list(mutations(path)), 5)
    said = {}
    for what, make in chosen:
        path.write_text(json.dumps(make()))
        try:
            chance.choice(commands)(run)
        except HarnessError as problem:
            said[what] = str(problem)
    assert {what: sentence for what, sentence in said.items() if f"{path.stem}." not in sentence} == {}
