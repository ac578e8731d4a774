"""A run of two small sessions, and everything that it leaves in its results directory."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import polars
import pytest

from harness.experiment.document import read_document
from harness.model import Plan, Record, Summary
from tests.support.command import CHECKOUT, Ended, barehop, fixed, odd

TINY = fixed(2, 3, control=True)
COLUMNS = ["round", "order", "arm", "position", "start_ns", "latency_ns", "late_ns"]
SESSIONS = ("0001", "0002")
FILES = {"experiment.toml", "plan.json", "host.json", "summary.json", "report.html", "pyperf.json"}

# The keys of design.md's summary.json, format 1: keys may be added, never renamed.
SUMMARY = {"format", "experiment", "directory", "sessions", "valid", "seconds", "arms", "comparisons", "doubts"}
TIMES = {"requests_per_s", "mean_us", "p50_us", "p90_us", "p99_us", "cpu_us"}
ARM = {"requests", "failed", "control_of", "settings"} | TIMES
NUMBERS = {"percent", "percent_low", "percent_high", "us", "us_low", "us_high", "p"}
COMPARISON = {"arm", "against", "metric", "verdict"} | NUMBERS
DOUBT = {"kind", "session", "arm", "seen", "advice"}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def ended(here: Path) -> Ended:
    """The configuration `quick`, found by its name."""
    return barehop(here, "run", "quick", *TINY, "--out", "results here")


@pytest.fixture(scope="module")
def results(here: Path, ended: Ended) -> Path:
    assert ended.code in (0, 1), ended.err
    return here / "results here"


@pytest.fixture(scope="module")
def plan(results: Path) -> Plan:
    return Plan.model_validate_json((results / "plan.json").read_bytes())


@pytest.fixture(scope="module")
def summary(results: Path) -> Summary:
    return Summary.model_validate_json((results / "summary.json").read_bytes())


def record(results: Path, session: str) -> Record:
    return Record.model_validate_json((results / "sessions" / f"{session}.json").read_bytes())


def requests(results: Path, session: str) -> polars.DataFrame:
    return polars.read_parquet(results / "sessions" / f"{session}.parquet")


def as_json(text: str) -> dict[str, Any]:
    value = json.loads(text)
    assert isinstance(value, dict)
    return value


def test_a_run_ends_with_0_when_its_result_is_valid_and_with_1_when_not(ended: Ended, summary: Summary) -> None:
    controls = [each.verdict for each in summary.comparisons if each.arm == "control" and each.metric == "latency"]
    assert ended.code == (0 if summary.valid else 1)
    assert summary.valid == (controls not in (["faster"], ["slower"]))
    assert ("Not valid" in ended.out) == (not summary.valid)


def test_the_report_is_on_standard_output_and_the_progress_on_standard_error(ended: Ended) -> None:
    assert "All numbers" in ended.out
    assert "session 2 of 2" in ended.err
    assert "session 2 of 2" not in ended.out


def test_piped_output_has_no_escape_codes(ended: Ended) -> None:
    assert "\x1b" not in ended.out + ended.err


def test_the_results_directory_holds_what_the_documents_promise(results: Path) -> None:
    files = {str(path.relative_to(results)) for path in results.rglob("*") if path.is_file()}
    stacks = {
        f"stack/{session}/{name}"
        for session in SESSIONS
        for name in ("nginx.conf", "start.sh", "nginx.log", "gunicorn.log")
    }
    sessions = {f"sessions/{session}.{kind}" for session in SESSIONS for kind in ("json", "parquet")}
    assert files == FILES | sessions | stacks


def test_the_experiment_is_kept_as_given(results: Path) -> None:
    assert (results / "experiment.toml").read_bytes() == (CHECKOUT / "configs/quick.toml").read_bytes()


def test_the_plan_says_what_the_command_line_set(plan: Plan) -> None:
    assert plan.overrides == tuple(TINY[1::2])
    assert plan.pilot is None
    assert (plan.schedule.sessions, plan.schedule.rounds) == (2, 3)
    assert [len(orders) for orders in plan.orders] == [3, 3]


def test_the_host_is_described(results: Path) -> None:
    host = as_json((results / "host.json").read_text())
    assert {"kernel", "cpus", "sysctls"} <= set(host)
    assert "nginx" in json.dumps(host)


def test_every_timed_request_is_a_row(results: Path, plan: Plan) -> None:
    for session in SESSIONS:
        table = requests(results, session)
        assert table.columns == COLUMNS
        counts = dict(table.group_by("arm").len().iter_rows())
        assert counts == {arm.name: plan.schedule.rounds * plan.schedule.burst for arm in plan.experiment.arms}


def test_the_rows_stand_in_the_order_of_sending_and_no_request_overlaps_another(results: Path) -> None:
    for session in SESSIONS:
        table = requests(results, session)
        ends_ns = table["start_ns"] + table["latency_ns"]
        assert table["latency_ns"].min() > 0  # type: ignore[operator]  # the column is not empty
        assert (table["start_ns"].slice(1) > ends_ns.slice(0, len(ends_ns) - 1)).all()


def test_the_arms_are_visited_in_the_order_of_the_plan(results: Path, plan: Plan) -> None:
    names = [arm.name for arm in plan.experiment.arms]
    for session, orders in zip(SESSIONS, plan.orders, strict=True):
        planned = [
            (number, place, names[arm]) for number, order in enumerate(orders) for place, arm in enumerate(order)
        ]
        visited = requests(results, session).select("round", "order", "arm").unique(maintain_order=True).rows()
        recorded = [(visit.round, visit.order, visit.arm) for visit in record(results, session).visits]
        assert visited == planned
        assert recorded == planned


def test_every_visit_has_used_cpu_time_in_nginx_and_in_the_app(results: Path) -> None:
    visits = [visit for session in SESSIONS for visit in record(results, session).visits]
    assert all(visit.cpu_us[role] > 0 for visit in visits for role in ("nginx", "app"))


def test_each_session_is_a_fresh_start_and_each_arm_is_proved(results: Path) -> None:
    first, second = (record(results, session).proofs for session in SESSIONS)
    assert first.keys() == second.keys() == {"tcp", "uds-tmpfs", "control"}
    for arm, proof in first.items():
        assert proof["status"] == 200
        assert set(proof["pids"]["app"]).isdisjoint(second[arm]["pids"]["app"])
        assert set(proof["pids"]["nginx"]).isdisjoint(second[arm]["pids"]["nginx"])
    assert first["uds-tmpfs"]["hop"]["filesystem"] == "tmpfs"
    assert first["tcp"]["upstream"] == first["control"]["upstream"]


def test_the_summary_counts_what_the_records_hold(summary: Summary, plan: Plan) -> None:
    arms = summary.arms.values()
    assert {arm.requests for arm in arms} == {2 * plan.schedule.rounds * plan.schedule.burst}
    assert {arm.failed for arm in arms} == {0}
    assert summary.sessions == summary.planned_sessions == 2
    assert 0 < summary.seconds.measuring < summary.seconds.total


def test_the_report_can_be_printed_again_as_it_was(here: Path, ended: Ended, results: Path) -> None:
    again = barehop(here, "report", results)
    assert again.out == ended.out
    assert (again.code, again.err) == (0, "")


def test_the_report_says_how_to_repeat_the_run(here: Path, results: Path) -> None:
    detailed = barehop(here, "report", results, "--details")
    line = next(line for line in detailed.out.splitlines() if line.startswith("Repeat "))
    assert f"{sys.executable} -m harness run '{results}/experiment.toml' {' '.join(TINY)}" in line


def test_a_directory_that_is_not_empty_is_refused_and_not_touched(here: Path, results: Path) -> None:
    held = {path: path.stat().st_mtime_ns for path in results.rglob("*")}
    refused = barehop(here, "run", "quick", *TINY, "--out", results)
    assert refused.code == 3
    assert "is not empty" in refused.err
    assert {path: path.stat().st_mtime_ns for path in results.rglob("*")} == held


def test_json_is_the_summary_alone_and_has_every_key_that_the_documents_promise(tmp_path: Path) -> None:
    options = (*TINY, "--set", "design.against=uds-tmpfs", "--json", "--quiet")
    ended = barehop(tmp_path, "run", "baseline", *options)
    summary, plain = Summary.model_validate_json(ended.out), as_json(ended.out)
    assert set(plain) >= SUMMARY
    assert all(set(arm) >= ARM for arm in plain["arms"].values())
    assert all(set(comparison) >= COMPARISON for comparison in plain["comparisons"])
    assert all(set(doubt) >= DOUBT for doubt in plain["doubts"])
    assert {each.against for each in summary.comparisons} == {"uds-tmpfs"}
    assert {each.metric for each in summary.comparisons} == {"latency", "mean", "cpu"}
    assert summary.arms["control"].control_of == "uds-tmpfs"
    assert ended.err == ("" if summary.valid else "The result is not valid; see its first line and its doubts.\n")
    assert_is_in_its_own_directory(summary, tmp_path)


def assert_is_in_its_own_directory(summary: Summary, cwd: Path) -> None:
    directory = Path(summary.directory)
    assert directory.parent == cwd / "results/baseline"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ", directory.name)
    assert Summary.model_validate_json((directory / "summary.json").read_bytes()) == summary


def test_what_the_file_leaves_open_is_chosen_by_a_pilot_that_is_not_recorded(tmp_path: Path) -> None:
    ended = barehop(tmp_path, "run", "quick", "--set", "design.sessions=2", "--set", "design.rounds=3", "--out", "out")
    plan = Plan.model_validate_json((tmp_path / "out/plan.json").read_bytes())
    assert "Running a pilot to choose the lengths of sessions and bursts ...\n" in ended.err
    assert "Plan from the pilot: 2 sessions x 3 rounds; " in ended.err
    assert plan.pilot is not None
    assert (plan.schedule.settle, plan.schedule.burst) == (plan.pilot.settle, plan.pilot.burst)
    assert sorted(path.stem for path in tmp_path.glob("out/sessions/*.json")) == list(SESSIONS)


def test_files_are_written_also_when_nobody_reads_the_report(tmp_path: Path) -> None:
    leaving = ("sh", "-c", '"$@" | head -1', "sh")
    ended = barehop(tmp_path, "run", "quick", *fixed(2, 1), "--out", "out", "--quiet", before=leaving)
    assert (ended.out.count("\n"), ended.err) == (1, "")
    assert {path.name for path in (tmp_path / "out").iterdir()} >= FILES


def test_an_experiment_with_windows_line_ends_is_kept_byte_by_byte(tmp_path: Path) -> None:
    text = (CHECKOUT / "configs/quick.toml").read_bytes().replace(b"\n", b"\r\n")
    (tmp_path / "mine.toml").write_bytes(text)
    ended = barehop(tmp_path, "run", "mine.toml", *TINY, *odd("raises_at_import:app"), "--out", "out")
    assert "the database is not there" in ended.err
    assert (tmp_path / "out/experiment.toml").read_bytes() == text
    assert read_document(tmp_path / "out/experiment.toml", ()).name == "quick"
