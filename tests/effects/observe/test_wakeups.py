"""perf traces who wakes whom while an arm is visited; where it may not, that is a sentence with the way out."""

import os
from pathlib import Path

import pytest

from harness.experiment.read import read_experiment
from harness.observe import recording, wakeups
from harness.observe.perf import can_count
from harness.observe.wakeups import trace_bursts, waiting_obstacle
from harness.testbed.servers.programs import find_program
from tests.support.echo_visitor import start_echo, visitor_of

QUICK = Path(__file__).parents[3] / "configs/quick.toml"


@pytest.mark.needs_root
@pytest.mark.skipif(find_program("perf") is None, reason="there is no perf")
@pytest.mark.skipif(not can_count(), reason="no right to trace the scheduler")
def test_the_client_and_the_app_wake_each_other(tmp_path: Path) -> None:
    with start_echo() as process:
        visitors = [
            (visitor_of(process, arm), {"app": [process.pid], "client": [os.getpid()]}) for arm in ("tcp", "unix")
        ]
        result = trace_bursts(visitors, tmp_path / "waiting", request_s=0.005, seed="1")
    assert result.waiting is not None, result.unseen
    assert {waiting.arm for waiting in result.waiting.arms} == {"tcp", "unix"}
    for waiting in result.waiting.arms:
        links = {(link.waker, link.woken): link.wakeups for link in waiting.links}
        assert links["client", "app"] > 0.1  # on a busy machine the woken one is often still running
        assert links["app", "client"] > 0.1
        assert waiting.requests == recording.TURNS * 10
        assert 2 * waiting.incomplete < waiting.requests
        assert waiting.roles["app"].path_us > 0
        bursts = [burst for burst in result.waiting.bursts if burst.arm == waiting.arm]
        assert len(bursts) == recording.TURNS
        parts_us = [link.us for link in waiting.links] + [role.path_us for role in waiting.roles.values()]
        assert sum(parts_us) + sum(waiting.other_us.values()) == pytest.approx(waiting.request_us, abs=0.01)


def test_a_perf_that_refuses_becomes_a_sentence_with_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = tmp_path / "perf"
    refusing.write_text("#!/bin/sh\necho 'Error: Unable to find debugfs/tracefs' >&2\nexit 255\n")
    refusing.chmod(0o755)
    monkeypatch.setattr(recording, "find_program", lambda _: str(refusing))
    monkeypatch.setattr(recording, "with_tracefs", lambda argv: argv)
    with start_echo() as process:
        result = trace_bursts([(visitor_of(process, "tcp"), {"app": [process.pid]})], tmp_path / "waiting", 0.005, "1")
    assert result.waiting is None
    (sentence,) = result.unseen
    assert sentence.startswith("What a request waits for is not known: perf said 'Error: Unable to find debugfs")


def test_no_perf_and_no_rights_are_sentences_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = read_experiment(QUICK, ["design.profile=true"])
    monkeypatch.setattr(recording, "find_program", lambda _: "/usr/bin/perf")
    monkeypatch.setattr(wakeups, "can_count", lambda: False)
    assert "mount tracefs" in (waiting_obstacle(experiment) or "")
    monkeypatch.setattr(wakeups, "can_count", lambda: True)
    assert waiting_obstacle(experiment) is None
    monkeypatch.setattr(recording, "find_program", lambda _: None)
    assert "linux-perf" in (waiting_obstacle(experiment) or "")
