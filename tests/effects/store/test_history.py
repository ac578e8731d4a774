"""What was measured earlier: the newest that is not of the future."""

import json
import os
from pathlib import Path

import pytest

from harness.model.record import HostFacts
from harness.store.history import earlier_files

HOST: HostFacts = {
    "kernel": {"release": "6.1", "machine": "x86_64"},
    "cpus": {"models": [{"model name": "a"}], "online": "0-1"},
}
LONG_AGO_S = 1_600_000_000  # 2020-09-13
FAR_OFF_S = 4_000_000_000  # 2096


def measured(results: Path, name: str, written_s: int = LONG_AGO_S) -> None:
    directory = results / name
    directory.mkdir()
    (directory / "host.json").write_text(json.dumps(HOST))
    (directory / "found.json").touch()
    os.utime(directory / "found.json", (written_s, written_s))


def names(results: Path) -> list[str]:
    return [path.parent.name for path in earlier_files(results, "found.json", HOST)]


@pytest.mark.parametrize("name", ["2099-01-01T00-00-00Z", "zz-mine", "9999-12-31T23-59-59Z"])
def test_a_name_of_the_future_or_none_goes_by_the_time_of_its_file(name: str, tmp_path: Path) -> None:
    measured(tmp_path, "2024-01-01T00-00-00Z")
    measured(tmp_path, "2019-01-01T00-00-00Z")
    measured(tmp_path, name)
    assert names(tmp_path) == ["2024-01-01T00-00-00Z", name, "2019-01-01T00-00-00Z"]


def test_what_is_of_the_future_by_its_file_too_is_nothing_to_go_by(tmp_path: Path) -> None:
    measured(tmp_path, "2024-01-01T00-00-00Z")
    measured(tmp_path, "2099-01-01T00-00-00Z", FAR_OFF_S)
    assert names(tmp_path) == ["2024-01-01T00-00-00Z"]
