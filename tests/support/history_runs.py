"""Results directories that never were, with what a history reads of a run."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.model import MACHINE_STATE
from tests.support.simulated_run import HOST

OTHER_HOST = {**HOST, "cpus": {**HOST["cpus"], "online": "0-15"}}


def write_summary(
    directory: Path,
    percent: float,
    *,
    host: Mapping[str, Any] = HOST,
    started: str = "",
    **changes: object,
) -> Path:
    """Write what a history reads of a run; `percent` is its effect, give or take 0.5."""
    directory.mkdir(parents=True)
    numbers = {"percent": percent, "percent_low": percent - 0.5, "percent_high": percent + 0.5}
    pair = {"metric": "latency", "verdict": "faster" if percent < -0.5 else "equivalent"}
    comparisons = [
        {"arm": "control", "against": "tcp", **pair, "percent": 0.0, "percent_low": -0.5, "percent_high": 0.5},
        {"arm": "uds-tmpfs", "against": "tcp", **pair, **numbers},
        {"arm": "uds-tmpfs", "against": "tcp", **pair, **numbers, "metric": "cpu"},
    ]
    summary = {
        "format": 1,
        "id": f"{abs(hash(percent)) % 16**4:016x}",
        "experiment": "baseline",
        "sessions": 8,
        "valid": True,
        "arms": {"tcp": {"control_of": None}, "uds-tmpfs": {}, "control": {"control_of": "tcp"}},
        "comparisons": comparisons,
        "a_key_of_the_future": [1],
    }
    (directory / "summary.json").write_text(json.dumps(summary | changes))
    (directory / "host.json").write_text(json.dumps(host))
    if started:
        (directory / "sessions").mkdir()
        (directory / "sessions" / "0001.json").write_text(json.dumps({"session": 1, "started_utc": started}))
    return directory


def write_history(directory: Path) -> Path:
    """Twelve runs on one host that change with the kernel, one of them not reliable, and one run elsewhere."""
    for day in range(1, 13):
        percent = (-9.0 if day <= 6 else -6.0) + 0.1 * (day % 3)
        host = HOST if day <= 6 else {**HOST, "kernel": {**HOST["kernel"], "release": "6.13.0"}}
        doubts = [{"kind": MACHINE_STATE, "seen": "An effect depends on it.", "advice": "Repeat."}] if day == 3 else []
        place = directory / "baseline" / f"2026-05-{day:02}T10-00-00Z"
        write_summary(place, percent, host=host, id=f"{day:02x}" * 8, doubts=doubts)
    write_summary(
        directory / "elsewhere", -1.0, host=OTHER_HOST, started="2026-05-20T08:00:00+00:00", valid=False, id="f" * 16
    )
    return directory
