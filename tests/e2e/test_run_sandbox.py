"""Servers under rungs of the ladder are measured beside bare ones; what cannot be had is left out and told."""

from pathlib import Path

from harness.model import Record
from tests.support.command import barehop, fixed

FILE = """
name = "boxes"
[arms.bare]
[arms.boxed]
transport = "uds-tmpfs"
sandbox = ["seccomp", "user", "namespaces"]
[arms.share]
cpu_quota = 0.5
sandbox = ["mounts"]
[design]
against = "bare"
"""


def boxes(directory: Path) -> Path:
    path = directory / "boxes.toml"
    path.write_text(FILE)
    return path


def test_a_sandbox_is_measured_proved_and_shown(tmp_path: Path) -> None:
    ended = barehop(tmp_path, "run", boxes(tmp_path), "--out", "results", *fixed(2, 2, burst=3, settle=1))
    record = Record.model_validate_json((tmp_path / "results/sessions/0001.json").read_text())
    seen = {visit.arm for visit in record.visits}
    assert record.failures == {}
    assert "sandbox" not in record.proofs["bare"]
    for arm in {"boxed", "share"} - seen:
        assert f"Left out: Arm '{arm}': " in ended.err
    if "boxed" in seen:
        assert record.proofs["boxed"]["sandbox"]["nginx"]["status"]["Seccomp"] == "2"
    if "share" in seen:
        assert set(record.throttled["share"]) == {"nginx", "app"}
    shown = barehop(tmp_path, "show", "boxes.toml", "boxed").out
    assert "unshare --" in shown
    assert "no-new-privs seccomp" in shown
