"""Outside load tools: their command lines, and what they really left, good and bad."""

import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from harness import plugins
from harness.experiment.constraints import arm_problems
from harness.model import Arm, LoadTool, Settings, Target, ToolResult

DATA = Path(__file__).parents[2] / "data"
NAMES = ("wrk", "hey", "h2load", "k6", "locust", "molotov")
OWN = Target("127.0.0.1", 8080, "/a", timeout_s=1.5)
KEPT = Target("127.0.0.1", 8080, "/a", keepalive=True)
TLS = Target("127.0.0.1", 8443, "/", ca_file=Path("authority.pem"))
LEFT = {"wrk": "stdout.txt", "hey": "stdout.txt", "h2load": "requests.tsv"}


def tool(name: str) -> LoadTool:
    return plugins.load(LoadTool, name)


def command(name: str, target: Target, settings: Settings) -> str:
    """The command line, of paths only the names."""
    words = tool(name).command(name, target, settings, Path("/run"))
    return " ".join(Path(word).name if word.startswith("/") else word for word in words)


def left_by(name: str, run: str) -> ToolResult:
    return tool(name).read_result(DATA / name / run)


def copy_of(name: str, run: str, directory: Path) -> Path:
    """A copy of the file that holds what was measured, in a directory that may be spoilt."""
    return Path(shutil.copytree(DATA / name / run, directory / name)) / LEFT.get(name, "outcome.json")


def refusals(**settings: object) -> list[str]:
    return list(arm_problems([Arm(name="a", settings=Settings.model_validate(settings))]))


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("wrk", "-t 1 -c 2 -d 32 --timeout 2 -H Connection: close -s wrk.lua http://127.0.0.1:8080/a -- 300 2"),
        ("hey", "-n 300 -c 2 -t 2 -disable-keepalive -disable-redirects -o csv http://127.0.0.1:8080/a"),
        (
            "h2load",
            "--h1 -n 300 -c 2 -t 1 -m 1 -N 1500ms -H Connection: close --log-file=/run/requests.tsv "
            "http://127.0.0.1:8080/a",
        ),
        (
            "k6",
            "run --quiet --no-color --no-usage-report --address= -u 2 -i 300 --no-connection-reuse "
            "-e URL=http://127.0.0.1:8080/a -e TIMEOUT_MS=1500 -e REQUEST=/run/asked.json k6.js",
        ),
        ("locust", "-f locust_file.py --headless --only-summary --skip-log --exit-code-on-error 0 -u 2 -r 2"),
        ("molotov", "--quiet --workers 2 --max-runs 150 molotov_scenario.py"),
    ],
)
def test_a_run_by_count(name: str, line: str) -> None:
    assert command(name, OWN, Settings(tool_requests=300, connections=2)) == f"{name} {line}"


@pytest.mark.parametrize(
    ("name", "amount"),
    [("wrk", "-d 3 "), ("wrk", "-- 0 1"), ("h2load", "-D 2100ms"), ("k6", "-d 2.1"), ("molotov", "-d 3 ")],
)
def test_a_run_by_time_is_at_least_as_long_as_asked_for(name: str, amount: str) -> None:
    assert amount in command(name, KEPT, Settings(tool_seconds=2.1))


@pytest.mark.parametrize(("name", "word"), [("wrk", "close"), ("h2load", "close"), ("hey", "-disable-keepalive")])
def test_a_kept_connection_is_not_asked_to_close(name: str, word: str) -> None:
    assert word in command(name, OWN, Settings())
    assert word not in command(name, KEPT, Settings())


@pytest.mark.parametrize("name", ["locust", "molotov"])
def test_scripts_are_told_of_everything_by_a_file(name: str) -> None:
    (text,) = tool(name).files(TLS, Settings(tool_requests=7)).values()
    asked = json.loads(text)
    assert asked["url"] == "https://127.0.0.1:8443/"
    assert Path(asked["authority"]).is_absolute()
    assert (asked["timeout_s"], asked["keepalive"]) == (10.0, False)


@pytest.mark.parametrize("name", ["hey", "molotov"])
def test_where_every_connection_makes_as_many_requests_they_are_rounded_up(name: str) -> None:
    assert {"hey": "-n 12 ", "molotov": "--max-runs 3 "}[name] in command(
        name, OWN, Settings(tool_requests=10, connections=4)
    )


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"tool": "hey", "tool_seconds": 2}, 'tool = "hey" excludes tool_seconds = 2'),
        ({"tool": "hey", "tool_requests": 1_000_001}, "prints at most 1000000 times"),
        ({"tool": "h2load", "tool_seconds": 2}, "without client_keepalive"),
        ({"tool": "wrk", "timeout_s": 600}, "needs memory for each microsecond"),
        ({"tool": "pyperf", "connections": 2}, "one request at a time"),
        ({"tool": "locust", "connections": 3, "tool_requests": 2}, "at least one request"),
    ],
)
def test_what_a_tool_cannot_do_is_said_with_the_configuration(settings: dict[str, object], sentence: str) -> None:
    (problem,) = refusals(**settings)
    assert sentence in problem


@pytest.mark.parametrize("name", NAMES)
def test_what_every_tool_can_do_is_refused_to_none(name: str) -> None:
    assert refusals(tool=name, tool_requests=500, client_keepalive=True, tls=True, timeout_s=5) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_good_run_is_read_at_the_tools_resolution(name: str) -> None:
    outcome = left_by(name, "good")
    assert (outcome.requests, outcome.failures) == (60, {})
    assert 10 < outcome.mean_us < 1e6 * outcome.duration_s
    assert list(outcome.percentiles_us.values()) == sorted(outcome.percentiles_us.values())
    assert outcome.percentiles_us[0] <= outcome.mean_us <= outcome.percentiles_us[100]
    assert outcome.resolution_us == {"wrk": 1.0, "h2load": 1.0, "hey": 100.0}.get(name, 0.001)


@pytest.mark.parametrize("name", ["hey", "h2load", "locust", "molotov"])
def test_single_times_are_kept_where_the_tool_tells_them(name: str) -> None:
    outcome = left_by(name, "mixed")
    assert len(outcome.latency_us) == outcome.requests == 45


@pytest.mark.parametrize(
    ("name", "run", "failures"),
    [
        *((name, "mixed", {"status 500": 15}) for name in NAMES if name != "wrk"),
        ("wrk", "mixed", {"status over 399": 15}),
        ("wrk", "cut", {"read": 4}),
        ("wrk", "silent", {"no answer": 1}),
        ("hey", "refused", {"no answer": 20}),
        ("hey", "silent", {"no answer": 2}),
        ("h2load", "cut", {"no whole answer": 1, "not sent": 3}),
        ("h2load", "silent", {"timeout": 1, "not sent": 1}),
        ("h2load", "refused", {"connect": 4}),
        *((name, "cut", {"short body": 4}) for name in ("k6", "locust", "molotov")),
        *((name, "silent", {"timeout": 2}) for name in ("k6", "locust", "molotov")),
        *((name, "refused", {"connection refused": 4}) for name in ("k6", "locust", "molotov")),
    ],
)
def test_failures_have_their_kind_and_are_no_requests(name: str, run: str, failures: Mapping[str, int]) -> None:
    outcome = left_by(name, run)
    assert outcome.failures == failures
    assert outcome.requests == (45 if run == "mixed" else 0)


def test_a_run_in_which_nothing_was_right_has_no_times() -> None:
    assert left_by("locust", "refused").percentiles_us == {}
    assert left_by("k6", "refused").mean_us == 0


@pytest.mark.parametrize("name", NAMES)
def test_what_is_cut_off_anywhere_is_no_shorter_run(name: str, tmp_path: Path) -> None:
    """Of hey's rows whole ones may be missing; they are failures then."""
    path = copy_of(name, "good", tmp_path)
    whole = path.read_bytes()
    for length in range(0, len(whole) - 1, 37):
        path.write_bytes(whole[:length])
        with suppress(ValueError):
            outcome = tool(name).read_result(path.parent)
            assert name == "hey"
            assert outcome.requests + outcome.failures["no answer"] == 60


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    path = copy_of(name, "good", tmp_path)
    path.unlink()
    with pytest.raises(ValueError, match=f"{name} left no {path.name}"):
        tool(name).read_result(path.parent)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", ["{}", "[1]", "null", "Requests/sec: 5000\n", "200\n"])
def test_something_else_is_refused_in_a_sentence(name: str, text: str, tmp_path: Path) -> None:
    path = copy_of(name, "good", tmp_path)
    path.write_text(text)
    with pytest.raises(ValueError, match=r"\.$"):
        tool(name).read_result(path.parent)


def test_more_rows_than_requests_are_no_run_of_hey(tmp_path: Path) -> None:
    path = copy_of("hey", "good", tmp_path)
    (path.parent / "asked.json").write_text('{"requests": 59}')
    with pytest.raises(ValueError, match="60 rows for 59 requests"):
        tool("hey").read_result(path.parent)


def wrk_found(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text().splitlines()[-1])
    return found


def test_wrks_added_samples_are_taken_out(tmp_path: Path) -> None:
    path = copy_of("wrk", "seconds", tmp_path)
    found = wrk_found(path)
    printed = sum(count for _, count in found["histogram"])
    assert printed > found["complete"] == left_by("wrk", "seconds").requests


def test_a_sample_is_added_where_stats_correct_adds_it(tmp_path: Path) -> None:
    """Four requests in 4 ms, one of 3.5 ms: wrk expects 1 ms and adds 2.5 and 1.5 ms."""
    path = tmp_path / "stdout.txt"
    found = dict.fromkeys(("connect", "read", "write", "status", "timeout"), 0)
    found |= {"limit": 4, "connections": 1, "complete": 4, "sent": 4, "duration_us": 4000}
    path.write_text(json.dumps(found | {"histogram": [[100, 1], [200, 2], [1500, 1], [2500, 1], [3500, 1]]}))
    outcome = tool("wrk").read_result(tmp_path)
    assert (outcome.requests, outcome.mean_us) == (4, 1000)


def test_a_histogram_that_does_not_add_up_is_refused(tmp_path: Path) -> None:
    path = copy_of("wrk", "good", tmp_path)
    path.write_text(json.dumps(wrk_found(path) | {"complete": 59}))
    with pytest.raises(ValueError, match=r"wrk's histogram (holds|lacks)"):
        tool("wrk").read_result(path.parent)


def test_percentiles_of_single_times_are_times_that_occurred() -> None:
    percentiles_us = ToolResult.from_times([3.0, 1.0, 2.0, 4.0], {}, 1.0, 1.0).percentiles_us
    assert {percent: percentiles_us[percent] for percent in (0, 25, 26, 50, 99.9, 100)} == {
        0: 1, 25: 1, 26: 2, 50: 2, 99.9: 4, 100: 4,
    }  # fmt: skip
