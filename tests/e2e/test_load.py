"""Many connections, requests at a rate and a search for a capacity, through the command."""

from pathlib import Path

import polars as pl
import pytest

from harness.model import Summary
from harness.store.store import Store
from tests.support.command import barehop, fixed

TWO = """
name = "load"
[arm]
client_keepalive = true
{settings}
[arms.tcp]
[arms.uds-tmpfs]
transport = "uds-tmpfs"
"""
# The app stalls 100 ms once a second, which a client that waits for each answer meets once.
STALLS = """
name = "stalls"
[arm]
client_keepalive = true
path = "/stall/100"
[factors]
rate = [0, 300]
transport = ["tcp", "uds-tmpfs"]
[design]
against = { transport = "tcp" }
control = false
"""


def run(directory: Path, text: str, *arguments: str) -> Summary:
    (directory / "load.toml").write_text(text, encoding="utf-8")
    ended = barehop(directory, "run", "load.toml", "--out", "out", *arguments)
    assert ended.code in (0, 1), ended.err
    return Summary.model_validate_json((directory / "out/summary.json").read_bytes())


def test_many_connections_have_their_throughput_compared_and_no_single_request_taken_apart(tmp_path: Path) -> None:
    summary = run(tmp_path, TWO.format(settings="connections = 8"), *fixed(2, 3, burst=8, control=True))

    for arm in summary.arms.values():
        assert arm.failed == 0
        assert arm.requests == 2 * 3 * 32  # 4 on each connection
        assert arm.mean_us is not None
        assert arm.requests_per_s is None or arm.requests_per_s > 2e6 / arm.mean_us  # 8 at a time
    assert {one.metric for one in summary.comparisons} == {"latency", "mean", "cpu", "throughput"}
    assert summary.explanations == ()


def test_a_rate_that_is_part_of_a_capacity_is_found_out_and_kept_in_the_plan(tmp_path: Path) -> None:
    summary = run(tmp_path, TWO.format(settings='rate = "20%"'), *fixed(2, 2, burst=8, control=True))
    plan = Store(tmp_path / "out").read_plan()
    [rate] = {arm.settings.rate for arm in plan.experiment.arms}

    assert set(plan.capacities_per_s) == {"tcp", "uds-tmpfs", "control"}
    assert rate == pytest.approx(0.2 * min(plan.capacities_per_s.values()), abs=1)
    assert all(arm.paced and arm.failed == 0 for arm in summary.arms.values())
    assert {path.name for path in (tmp_path / "out/hdr").iterdir()} == {"tcp.hlog", "uds-tmpfs.hlog", "control.hlog"}


def test_the_arms_of_a_round_are_asked_at_the_same_times(tmp_path: Path) -> None:
    run(tmp_path, TWO.format(settings="rate = 200"), *fixed(2, 1, burst=8, control=True))
    table = pl.read_parquet(tmp_path / "out/sessions/0001.parquet")
    meant = {
        arm: (rows["start_ns"] - rows["late_ns"]).to_numpy() for (arm,), rows in table.sort("position").group_by("arm")
    }
    first, *others = ([int(ns - each[0]) for ns in each] for each in meant.values())

    assert len(first) > 10
    assert others == [first, first]


def test_a_stall_is_seen_by_an_open_loop_and_hidden_by_a_closed_one(tmp_path: Path) -> None:
    summary = run(tmp_path, STALLS, *fixed(2, 16, burst=70, control=False))
    p99_us = {name: arm.p99_us for name, arm in summary.arms.items()}

    for transport in ("tcp", "uds-tmpfs"):
        closed, open_ = p99_us[f"0/{transport}"], p99_us[f"300/{transport}"]
        assert closed is not None
        assert open_ is not None
        assert open_ > 5 * closed
    assert "coordinated omission" in (tmp_path / "out/report.html").read_text(encoding="utf-8")


def test_a_search_ends_in_a_capacity_for_each_arm(tmp_path: Path) -> None:
    summary = run(tmp_path, TWO.format(settings="p99_limit_ms = 200"), *fixed(2, 4, burst=1, control=False))

    assert {one.arm for one in summary.capacities} == {"tcp", "uds-tmpfs"}
    assert {one.metric for one in summary.comparisons} <= {"capacity", "cpu"}
    assert "Latency against load" in (tmp_path / "out/report.html").read_text(encoding="utf-8")
