"""Records whose causes are known, for tests of what is said of them."""

from collections.abc import Mapping

import numpy as np

from harness.analysis.summary import run_summary
from harness.analysis.why.explain import add_causes
from harness.model import (
    Arm,
    Chain,
    Design,
    Experiment,
    FloorResults,
    FloorRow,
    Record,
    Schedule,
    Settings,
    Summary,
    VisitRow,
)

SCHEDULE = Schedule(sessions=8, rounds=20, burst=8, settle=2, reason="fixed")
Truth = dict[str, float]  # "time_us" and counters by name


def arm(name: str, *, transport: str = "tcp", keepalive: int = 0, chain: Chain = "full") -> Arm:
    return Arm(name=name, settings=Settings(transport=transport, upstream_keepalive=keepalive, chain=chain))


def experiment(*arms: Arm, pairs: tuple[tuple[str, str], ...] = ()) -> Experiment:
    of = pairs or tuple((each.name, arms[0].name) for each in arms[1:])
    return Experiment(name="known", question="Why?", arms=arms, pairs=of, design=Design())


def records(
    truth: Mapping[str, Truth],
    *,
    sessions: int = 8,
    noise_us: float = 1.0,
    counting: float = 1.0,
    under_perf: Mapping[str, Truth] | None = None,
) -> list[Record]:
    """Each arm takes its "time_us", in counted rounds `counting` times that; its other counters are exact."""
    rng = np.random.default_rng(7)
    return [_record(number, truth, rng, noise_us, counting, under_perf or {}) for number in range(1, sessions + 1)]


def _record(  # noqa: PLR0913 - a session's whole truth
    number: int,
    truth: Mapping[str, Truth],
    rng: np.random.Generator,
    noise_us: float,
    counting: float,
    under_perf: Mapping[str, Truth],
) -> Record:
    visits = []
    for round_ in range(SCHEDULE.rounds):
        drift_us = float(rng.normal(0, 5))
        for order, (name, of_arm) in enumerate(truth.items()):
            counted = round_ % 2 == 0
            mean_us = of_arm["time_us"] * (counting if counted else 1) + drift_us + float(rng.normal(0, noise_us))
            visits.append(_visit(round_, order, name, mean_us, of_arm, counted=counted))
    bursts = [
        VisitRow(round=0, order=0, arm=name, requests=200, mean_us=None, counters=dict(of_arm))
        for name, of_arm in under_perf.items()
    ]
    return Record(
        session=number,
        started_utc="2026-03-01T10:00:00+00:00",
        seconds={"total": 2.0, "visiting": 1.5},
        schedule=SCHEDULE,
        proofs={name: {"cpus": {"client": [1], "nginx": [1], "app": [0]}} for name in truth},
        failures={},
        visits=tuple(visits),
        counted=tuple(bursts) if number <= 2 else (),
    )


def _visit(round_: int, order: int, name: str, mean_us: float, of_arm: Truth, *, counted: bool) -> VisitRow:  # noqa: PLR0913 - a visit's
    cpu = {key.partition(".")[0]: value for key, value in of_arm.items() if key.endswith(".cpu_us")}
    others = {key: value for key, value in of_arm.items() if key != "time_us" and not key.endswith(".cpu_us")}
    return VisitRow(
        round=round_,
        order=order,
        arm=name,
        requests=8,
        mean_us=mean_us,
        cpu_us=cpu,
        wall_us=of_arm["time_us"],
        counters=others if counted else {},
    )


def summary(of: Experiment, seen: list[Record], floor: FloorResults | None = None) -> Summary:
    import polars as pl

    from harness.analysis.statistics.series import SessionData

    sessions = [SessionData(record, pl.DataFrame()) for record in seen]
    verdicts = run_summary(of, sessions, directory="results/known", schedule=SCHEDULE, seconds_total=16.0)
    return add_causes(verdicts, of, seen, floor)


FULL = arm("tcp"), arm("unix", transport="uds-tmpfs")
FLOORS = arm("floor tcp", chain="floor"), arm("floor unix", transport="uds-tmpfs", chain="floor")
PARTS = (
    arm("nginx", chain="proxy-only"),
    arm("app tcp", chain="app-direct"),
    arm("app unix", transport="uds-tmpfs", chain="app-direct"),
    *FLOORS,
)
TIMES = {"tcp": 450, "unix": 430, "nginx": 150, "app tcp": 340, "app unix": 325, "floor tcp": 90, "floor unix": 70}
FLOOR = FloorResults(
    rows=tuple(
        FloorRow(kind=kind, transport=transport, payload_bytes=83, runs_us=(us, us + 1, us - 1))
        for kind, transport, us in (
            ("connect", "tcp", 60.0),
            ("connect", "uds-tmpfs", 40.0),
            ("ping-pong", "tcp", 30.0),
            ("ping-pong", "uds-tmpfs", 25.0),
        )
    )
)


def times(**of_arms: float) -> dict[str, Truth]:
    return {name: {"time_us": us, "nginx.cpu_us": us / 4, "app.cpu_us": us / 2} for name, us in of_arms.items()}


TCP: Truth = {
    "time_us": 450,
    "client.cpu_us": 100,
    "nginx.cpu_us": 120,
    "app.cpu_us": 300,
    "nginx.wait_us": 8,
    "app.wait_us": 1,
    "hop.active_opens": 1,
    "net.segments_out": 21,
}
UNIX: Truth = TCP | {
    "time_us": 430,
    "nginx.cpu_us": 110,
    "app.cpu_us": 275,
    "nginx.wait_us": 5,
    "hop.active_opens": 0,
    "net.segments_out": 10,
}
TWO = experiment(arm("tcp"), arm("unix", transport="uds-tmpfs"))
