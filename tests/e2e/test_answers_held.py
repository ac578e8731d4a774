"""Answers that do not end, or that change while they are measured: never a verdict, and never a wait without an end."""

import json
from pathlib import Path

import pytest

from harness.model import Record, Summary
from tests.support.command import Ended, barehop, fixed, odd
from tests.support.scripted_server import repeats, serving

CHANGES = {
    "status": ("status 204 instead of 200", "status 204"),
    "keys": ("JSON keys error instead of hello", "other JSON keys"),
    "html": ("text/html instead of application/json", "another content type"),
    "empty": ("0 bytes instead of 18", "another size"),
}
URL = """
[arms.floor]
chain = "floor"
[arms.docker]
url = "http://127.0.0.1:{port}/"
timeout_s = 1
"""


def changing(  # noqa: PLR0913 - what the application does
    directory: Path, change: str, *, spared: int, requests: int, each: int = 1, more: tuple[str, ...] = ()
) -> Ended:
    """A run of the app that changes, whose first `spared` processes do not."""
    env = {
        "CHANGE": change,
        "SPARED": str(spared),
        "REQUESTS": str(requests),
        "EACH": str(each),
        "STARTS": str(directory / "starts"),
    }
    words = more or ("quick", *fixed(2, 4), *odd("changes:app"), "--out", "out")
    return barehop(directory, "run", *words, env=env)


def summary_of(directory: Path) -> Summary:
    return Summary.model_validate_json((directory / "out/summary.json").read_bytes())


def sessions_of(directory: Path) -> list[str]:
    return sorted(path.stem for path in (directory / "out/sessions").glob("*.json"))


@pytest.mark.parametrize("change", ["status", "html", "empty"])
def test_an_answer_that_is_another_from_session_to_session_ends_the_run_and_keeps_what_is_there(
    tmp_path: Path, change: str
) -> None:
    ended = changing(tmp_path, change, spared=1, requests=0)
    assert ended.code == 4
    assert f"does not answer as it did when the run began: {CHANGES[change][0]}" in ended.err
    assert sessions_of(tmp_path) == ["0001"]


def test_a_run_that_another_answer_ended_is_resumed_when_the_answer_is_as_it_was(tmp_path: Path) -> None:
    for more in ((), ("--resume", "out")):
        ended = changing(tmp_path, "keys", spared=1, requests=0, more=more)
        assert ended.code == 4
        assert f"does not answer as it did when the run began: {CHANGES['keys'][0]}" in ended.err
        assert sessions_of(tmp_path) == ["0001"]
    assert changing(tmp_path, "", spared=99, requests=0, more=("--resume", "out")).code == 0
    assert sessions_of(tmp_path) == ["0001", "0002"]


@pytest.mark.parametrize(("change", "each"), [*((change, 1) for change in CHANGES), ("keys", 2)])
def test_an_answer_that_changes_within_a_session_is_a_failed_request(tmp_path: Path, change: str, each: int) -> None:
    ended = changing(tmp_path, change, spared=0, requests=150, each=each)
    assert ended.code == 1, ended.err
    summary = summary_of(tmp_path)
    failed = {kind for arm in summary.arms.values() for kind in arm.failed_by_kind}
    assert ended.out.startswith("Not valid: do not use the numbers below until no request fails.")
    assert any(kind == CHANGES[change][1] or CHANGES[change][0] in kind for kind in failed)
    assert not summary.valid


def test_a_pilot_whose_answers_change_ends_before_anything_is_measured(tmp_path: Path) -> None:
    more = ("quick", "--budget", "8", *odd("changes:app"), "--out", "out")
    ended = changing(tmp_path, "keys", spared=0, requests=60, more=more)
    assert ended.code == 4
    assert "JSON keys error instead of hello" in ended.err
    assert sessions_of(tmp_path) == []


def test_an_old_directory_whose_proofs_contradict_each_other_says_so(tmp_path: Path) -> None:
    assert barehop(tmp_path, "run", "quick", *fixed(2, 2), "--out", "out").code in (0, 1)
    path = tmp_path / "out/sessions/0002.json"
    record = Record.model_validate_json(path.read_bytes())
    proofs = {
        arm: {key: value for key, value in proof.items() if key not in ("kind", "keys")}
        for arm, proof in record.proofs.items()
    }
    changed = proofs | {"tcp": proofs["tcp"] | {"status": 204, "body_bytes": 0}}
    path.write_text(record.model_copy(update={"proofs": changed}).model_dump_json())
    ended = barehop(tmp_path, "report", "out", "--json")
    told = json.loads(ended.out)
    assert not told["valid"]
    assert [doubt["seen"] for doubt in told["doubts"] if doubt["kind"] == "answers"] == [
        "Its answer changed since the run began: status 204 instead of 200."
    ]
    assert {each["verdict"] for each in told["comparisons"] if "tcp" in (each["arm"], each["against"])} == {None}


def test_events_that_never_end_are_told_within_the_timeout(tmp_path: Path) -> None:
    ended = barehop(tmp_path, "run", "quick", *fixed(2, 1), *odd("events:app", timeout_s=1), "--out", "out")
    assert ended.code == 4
    assert "Arm 'tcp'" in ended.err
    assert "did not end its answer within 1 s, its timeout_s" in ended.err
    assert 'of "text/event-stream" came' in ended.err


@pytest.mark.parametrize("every_s", [0.0, 0.2])
def test_a_service_whose_events_never_end_is_told_within_the_timeout(tmp_path: Path, every_s: float) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    with serving(repeats(head, b"data: " + b"x" * 8186 + b"\n\n", every_s), at_once=True) as target:
        (tmp_path / "one.toml").write_text(URL.format(port=target.port))
        ended = barehop(tmp_path, "run", "one.toml", *fixed(2, 1), "--out", "out")
    assert ended.code == 5
    assert "cannot measure endless streams" in ended.err or "MiB of an answer" in ended.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("tool", ["ab", "pyperf"])
def test_no_outside_tool_is_sent_to_events_that_never_end(tool: str, tmp_path: Path) -> None:
    asked = odd("events:app", timeout_s=1, tool=tool)
    ended = barehop(tmp_path, "run", "quick", *fixed(2, 1), *asked, "--out", "out")
    assert ended.code == 4
    assert "did not end its answer within 1 s, its timeout_s" in ended.err
