"""perf samples the processes of an arm while it is visited; where it may not, that is a sentence with the way out."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.experiment.read import read_experiment
from harness.observe import recording
from harness.observe.profile import DWARF, FRAME_POINTERS, PARTS, Sampling, profile_bursts, profile_obstacle
from harness.testbed.servers.programs import find_program
from tests.support.echo_visitor import start_echo, visitor_of

PERF = find_program("perf")
QUICK = Path(__file__).parents[3] / "configs/quick.toml"


@pytest.fixture
def echo() -> Iterator[subprocess.Popen[bytes]]:
    with start_echo() as process:
        yield process


@pytest.mark.needs_root
@pytest.mark.skipif(PERF is None, reason="there is no perf")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may sample the kernel")
@pytest.mark.parametrize("sampling", [FRAME_POINTERS, DWARF])
def test_each_arm_has_the_samples_of_its_own_bursts(
    echo: subprocess.Popen[bytes], tmp_path: Path, sampling: Sampling
) -> None:
    visitors = [(visitor_of(echo, arm), {"app": [echo.pid]}) for arm in ("tcp", "unix")]
    result = profile_bursts(visitors, tmp_path / "profile", request_s=0.005, seed="1", sampling=sampling)
    assert result.profile is not None, result.unseen
    assert result.stacks
    assert {(arm, role) for arm, role, _ in result.stacks} == {("tcp", "app"), ("unix", "app")}
    parts = range(PARTS * recording.TURNS)
    assert [burst.round for burst in result.profile.bursts if burst.arm == "tcp"] == [*parts], "arms alternate in turns"
    assert any("crc32" in stack or "libz" in stack or "zlib" in stack for _, _, stack in result.stacks)
    depth = max(stack.count(";") for _, _, stack in result.stacks if "crc32" in stack)
    assert sampling != DWARF or depth > 2, "the callers in Python are known"


def test_a_perf_that_refuses_becomes_a_sentence_with_what_it_said(
    echo: subprocess.Popen[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = tmp_path / "perf"
    refusing.write_text("#!/bin/sh\necho 'Error: No permission to enable cpu-clock event.' >&2\nexit 255\n")
    refusing.chmod(0o755)
    monkeypatch.setattr(recording, "find_program", lambda _: str(refusing))
    result = profile_bursts([(visitor_of(echo, "tcp"), {"app": [echo.pid]})], tmp_path / "profile", 0.005, "1")
    assert result.profile is None
    (sentence,) = result.unseen
    assert sentence.startswith("The functions that make the difference are not known: perf said 'Error: No permission")


def test_no_perf_and_no_rights_are_sentences_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = read_experiment(QUICK, ["design.profile=true"])
    paranoid = tmp_path / "sys/kernel/perf_event_paranoid"
    paranoid.parent.mkdir(parents=True)
    paranoid.write_text("3\n")
    monkeypatch.setattr(recording, "find_program", lambda _: "/usr/bin/perf")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "sysctl kernel.perf_event_paranoid=1" in (profile_obstacle(experiment, tmp_path) or "")
    paranoid.write_text("1\n")
    assert profile_obstacle(experiment, tmp_path) is None
    many = read_experiment(QUICK, ["arm.connections=16"])
    assert "one request at a time" in (profile_obstacle(many, tmp_path) or "")
    monkeypatch.setattr(recording, "find_program", lambda _: None)
    assert "linux-perf" in (profile_obstacle(experiment, tmp_path) or "")
