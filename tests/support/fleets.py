"""Runs of one experiment on hosts that never were."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.analysis.between_runs.changes import RunData
from tests.support.comparable_runs import run_data, write_run
from tests.support.simulated_run import HOST

FACTORS = (1.0, 0.97, 1.02, 1.04, 0.99)  # of the times of uds-tmpfs, by host


def facts(machine: int | None, kernel: str = "6.12.0", boot: int | None = None) -> Mapping[str, Any]:
    """The facts of a host; None: it has no such id."""
    identity = {"machine": machine and f"{machine:016x}", "boot": boot and f"{boot:016x}"}
    return {**HOST, "identity": identity, "kernel": {**HOST["kernel"], "release": kernel}}


def fleet_runs(factors: Sequence[float] = FACTORS, **options: Any) -> list[RunData]:
    """A run on each host; hosts of odd number have another kernel."""
    return [
        run_data(
            f"fleet/web{number}",
            rounds=40 - number,
            host=facts(number, "6.18.1" if number % 2 else "6.12.0"),
            factors={"uds-tmpfs": factor},
            **options,
        )
        for number, factor in enumerate(factors, start=1)
    ]


def write_fleet(directory: Path, factors: Sequence[float] = FACTORS) -> Path:
    """The results of each host in a directory of its own: web1/run, web2/run, ..."""
    for number, run in enumerate(fleet_runs(factors), start=1):
        write_run(run, directory / f"web{number}" / "run")
    return directory
