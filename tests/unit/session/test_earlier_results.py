"""Calibrations and floors of this machine that were damaged are left out with a sentence; the one before is taken."""

import json
import os
from pathlib import Path

import pytest

from harness.model.record import HostFacts
from harness.session.calibrate import last_calibration
from harness.store.history import last_floor
from tests.support.damaged_results import CALIBRATION

HOST: HostFacts = {"kernel": {"release": "6.12.0", "machine": "x86_64"}, "cpus": {"models": [], "online": "0-1"}}
DAMAGES = [b"", b"{", b"[]", b"\xff\xfe\0", b"[" * 100_000, b'{"aa": 1}', b"null", b'{"benchmarks": [1]}', b"NaN"]


def write_earlier(results: Path, kind: str, time: str, name: str, content: bytes) -> Path:
    directory = results / kind / time
    directory.mkdir(parents=True)
    (directory / "host.json").write_text(json.dumps(HOST))
    (directory / name).write_bytes(content)
    return directory / name


@pytest.mark.parametrize("content", DAMAGES)
def test_a_damaged_calibration_is_left_out(tmp_path: Path, content: bytes) -> None:
    whole = json.dumps(CALIBRATION).encode()
    write_earlier(tmp_path, "calibrate", "2024-01-01T00-00-00Z", "calibration.json", whole)
    damaged = write_earlier(tmp_path, "calibrate", "2024-01-02T00-00-00Z", "calibration.json", content)
    sentences: list[str] = []
    found = last_calibration(tmp_path, HOST, sentences.append)
    assert found is not None
    assert found.floor_percent == CALIBRATION["floor_percent"]
    assert len(sentences) == 1
    assert sentences[0].startswith(f"Left out: {damaged} ")


@pytest.mark.parametrize("content", DAMAGES)
def test_a_damaged_floor_is_left_out(tmp_path: Path, content: bytes) -> None:
    damaged = write_earlier(tmp_path, "floor", "2024-01-02T00-00-00Z", "floor.pyperf.json", content)
    sentences: list[str] = []
    assert last_floor(tmp_path, HOST, sentences.append) is None
    assert len(sentences) == 1
    assert sentences[0].startswith(f"Left out: {damaged} ")


def test_a_pipe_or_a_directory_in_its_place_is_left_out(tmp_path: Path) -> None:
    pipe = write_earlier(tmp_path, "calibrate", "2024-01-01T00-00-00Z", "calibration.json", b"")
    pipe.unlink()
    os.mkfifo(pipe)
    directory = write_earlier(tmp_path, "calibrate", "2024-01-02T00-00-00Z", "calibration.json", b"")
    directory.unlink()
    directory.mkdir()
    sentences: list[str] = []
    assert last_calibration(tmp_path, HOST, sentences.append) is None
    assert len(sentences) == 2


@pytest.mark.parametrize("host", [b"", b"[]", b'{"kernel": 1, "cpus": []}', b'{"kernel": null}'])
def test_a_damaged_host_json_is_of_no_machine(tmp_path: Path, host: bytes) -> None:
    path = write_earlier(tmp_path, "floor", "2024-01-02T00-00-00Z", "floor.pyperf.json", b"{}")
    path.with_name("host.json").write_bytes(host)
    assert last_floor(tmp_path, HOST) is None
