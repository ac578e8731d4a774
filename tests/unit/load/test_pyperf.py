"""pyperf as a load tool: its command line, and what is read from its file."""

import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from harness import start
from harness.load.tools.pyperf import PLUGIN
from harness.model import Request, Settings, Target
from harness.model.http import AnswerShape

TARGET = Target("127.0.0.1", 8080, "/a?b=c")
# As pyperf 2 writes it: a worker that only calibrated, then two that measured.
FILE = {
    "version": "1.0",
    "metadata": {"name": "request", "unit": "second", "loops": 256},
    "benchmarks": [
        {
            "runs": [
                {"metadata": {"calibrate_loops": 256}, "warmups": [[1, 0.0008], [256, 0.0005]]},
                {"metadata": {"loops": 256}, "warmups": [[256, 0.00052]], "values": [0.0005, 0.00051, 0.00049]},
                {"metadata": {"loops": 256}, "warmups": [[256, 0.00052]], "values": [0.0006, 0.00061, 0.00059]},
            ]
        }
    ],
}


def outcome_of(directory: Path, text: str) -> float:
    (directory / "pyperf.json").write_text(text)
    return PLUGIN.read_result(directory).mean_us


def test_the_mean_is_over_the_values_of_all_workers(tmp_path: Path) -> None:
    assert outcome_of(tmp_path, json.dumps(FILE)) == pytest.approx(550)


def test_requests_are_loops_times_values_and_warm_ups(tmp_path: Path) -> None:
    (tmp_path / "pyperf.json").write_text(json.dumps(FILE))
    outcome = PLUGIN.read_result(tmp_path)
    assert outcome.requests == 2 * 256 * 4
    assert outcome.sent == 2 * 256 * 4 + 1 + 256, "the worker that calibrates sends requests too"


def test_loops_that_all_workers_share_stand_at_the_top(tmp_path: Path) -> None:
    shared = json.loads(json.dumps(FILE))
    for run in shared["benchmarks"][0]["runs"]:
        run["metadata"].pop("loops", None)
    (tmp_path / "pyperf.json").write_text(json.dumps(shared))
    assert PLUGIN.read_result(tmp_path).requests == 2 * 256 * 4


@pytest.mark.parametrize("text", ["", "{", "{}", '{"benchmarks": [{"runs": []}]}', '{"benchmarks": []}'])
def test_what_pyperf_did_not_write_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"^pyperf\.json "):
        outcome_of(tmp_path, text)


def test_without_a_file_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"pyperf left no pyperf\.json"):
        PLUGIN.read_result(tmp_path)


def test_the_command_line_names_a_file_with_the_target_and_how_to_reach_it() -> None:
    plain = PLUGIN.command("/bin/python", TARGET, Settings(), Path("/d"))
    assert plain[1:3] == ["-P", start.__file__]
    assert plain[:1] + plain[3:5] == ["/bin/python", "harness.load.pyperf_runner", "--target=/d/target.json"]
    assert "--min-time=0.500" in PLUGIN.command("/bin/python", TARGET, Settings(tool_seconds=2), Path("/d"))
    request = Request("POST", "localhost", (("X-A", "1"),), b"a\r\n")
    proved = AnswerShape(404, 18, "text/plain", ("a", "b"))
    kept = Target("127.0.0.1", 8443, "/", Path("/d/ca.pem"), keepalive=True, expected_answer=proved, request=request)
    (text,) = PLUGIN.files(kept, Settings()).values()
    assert TypeAdapter(Target).validate_json(text) == kept
