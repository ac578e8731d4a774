"""Records whose causes are known, for tests of what is said of them."""

from collections.abc import Mapping

import numpy as np

from harness.analysis.summary import summarise
from harness.analysis.why.explain import add_causes
from harness.model import Arm, Chain, Design, Experiment, FloorResults, Record, Schedule, Settings, Summary, VisitRow

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
    verdicts = summarise(of, sessions, directory="results/known", schedule=SCHEDULE, seconds_total=16.0)
    return add_causes(verdicts, of, seen, floor)
