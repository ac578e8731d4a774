"""Runs made elsewhere that never were, and a bare run to hold them against."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from harness.analysis.validation.bare_run import BareRun
from harness.model import FloorResults, FloorRow
from harness.model.tools import ImportedRun
from tests.support.simulated_run import run_of

UNIX_US, TCP_US = (70.0, 74.0, 78.0), (110.0, 114.0, 118.0)


def foreign(  # noqa: PLR0913 - all that runs may differ in
    architecture: str,
    mean_us: float | None,
    *,
    where: str = "there",
    requests: int | None = 1000,
    connections: int | None = 1,
    requests_per_s: float | None = None,
    failures: int = 0,
    latency_us: Sequence[float] = (),
    file: str = "there.csv",
) -> ImportedRun:
    return ImportedRun(
        source=Path(file),
        format="csv",
        where=where,
        architecture=architecture,
        transport="tcp" if architecture == "tcp" else "uds",
        requests=requests,
        failures={"502": failures} if failures else {},
        connections=connections,
        requests_per_s=requests_per_s,
        mean_us=mean_us,
        latency_us=tuple(latency_us),
    )


def repeated(architecture: str, mean_us: float, *, half_range_us: float = 10.0, runs: int = 9) -> list[ImportedRun]:
    """Runs spread evenly about a mean."""
    steps = [2 * step / (runs - 1) - 1 for step in range(runs)]
    return [foreign(architecture, mean_us + half_range_us * step) for step in steps]


def floor(unix_us: Sequence[float] = UNIX_US, tcp_us: Sequence[float] = TCP_US) -> FloorResults:
    times = {"tcp": tcp_us, "uds-dir": unix_us, "uds-tmpfs": unix_us}
    rows = [
        FloorRow(kind="connect", transport=transport, payload_bytes=83, runs_us=tuple(runs_us))
        for transport, runs_us in times.items()
    ]
    return FloorResults(rows=tuple(rows))


@cache
def bare(unix: float = 0.95, *, with_floor: bool = True) -> BareRun:
    """TCP takes 400 us or so, a Unix socket `unix` times as long."""
    run = run_of({"tcp": 1.0, "uds-dir": unix, "uds-tmpfs": unix}, against="tcp", sessions=8, rounds=40, raw=False)
    return BareRun(
        experiment=run.plan.experiment,
        summary=run.summary,
        records=[session.record for session in run.sessions],
        floor=floor() if with_floor else None,
    )
