"""Runs that never were, of arms whose requests were sent at a rate, and of searches for a capacity."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl

from harness.analysis.statistics.series import SessionData
from harness.analysis.summary import run_summary
from harness.experiment.document import parse_document
from harness.experiment.plan import plan_of
from harness.experiment.read import build_experiment
from harness.model import Experiment, Record, Schedule, Summary, VisitRow

SEARCH: Mapping[str, object] = {
    "name": "search",
    "arm": {"p99_limit_ms": 10},
    "factors": {"transport": ["tcp", "uds-tmpfs"]},
}
PACED: Mapping[str, object] = {
    "name": "paced",
    "factors": {"transport": ["tcp", "uds-tmpfs"], "rate": [0, 1000]},
    "design": {"against": {"transport": "tcp"}},
}
SCHEDULE = Schedule(sessions=8, rounds=6, burst=250, settle=0, reason="imagined", looks=(8,))


def experiment(table: Mapping[str, object]) -> Experiment:
    return build_experiment(parse_document({**table}))


def steps(capacity_per_s: float, arm: str, halvings: int = 8) -> list[VisitRow]:
    """What a search between 500 and 5000 a second leaves whose steps fail exactly beyond `capacity_per_s`."""
    low, high = 500.0, 5000.0
    rows = [VisitRow(round=0, order=0, arm=arm, requests=600, mean_us=None, interval_us=250.0)]
    for number in range(1, halvings + 1):
        rate_per_s = float(np.sqrt(low * high))
        holds = rate_per_s <= capacity_per_s
        low, high = (rate_per_s, high) if holds else (low, rate_per_s)
        p99_us = 4000.0 if holds else 40000.0
        rows.append(
            VisitRow(
                round=number, order=0, arm=arm, requests=1100, mean_us=None, late_us=30.0, rate_per_s=rate_per_s,
                holds=holds, percentiles_us={50.0: 500.0, 90.0: 1000.0, 99.0: p99_us},
            )
        )  # fmt: skip
    return rows


def searched(found: Callable[[str, int], float], sessions: int = 8) -> list[SessionData]:
    """`found(arm, session)` is the capacity in requests per second."""
    arms = [arm.name for arm in experiment(SEARCH).arms]
    return [
        _session(number, [row for arm in arms for row in steps(found(arm, number), arm)], pl.DataFrame())
        for number in range(1, sessions + 1)
    ]


def paced(latency_us: Callable[[str], float], late_us: Callable[[str], float], sessions: int = 8) -> list[SessionData]:
    """Requests of arms at a rate take `latency_us(arm)` from sending, which is `late_us(arm)` late, and some less."""
    rng = np.random.default_rng(1)
    return [_paced_session(number, latency_us, late_us, rng) for number in range(1, sessions + 1)]


def _paced_session(
    number: int, latency_us: Callable[[str], float], late_us: Callable[[str], float], rng: np.random.Generator
) -> SessionData:
    rows, tables = [], []
    for arm in experiment(PACED).arms:
        is_paced = bool(arm.settings.rate)
        for round_ in range(SCHEDULE.rounds):
            sent = latency_us(arm.name) * np.exp(rng.normal(0, 0.02, SCHEDULE.burst))
            late = late_us(arm.name) * np.exp(rng.normal(0, 0.02, SCHEDULE.burst)) * is_paced
            mean_us = float((sent + late).mean())
            rows.append(
                VisitRow(
                    round=round_, order=0, arm=arm.name, requests=SCHEDULE.burst, mean_us=mean_us,
                    late_us=float(late.mean()) if is_paced else None, interval_us=1000.0 if is_paced else None,
                )
            )  # fmt: skip
            tables.append(
                pl.DataFrame({"arm": [arm.name] * SCHEDULE.burst, "latency_ns": _ns(sent), "late_ns": _ns(late)})
            )
    return _session(number, rows, pl.concat(tables))


def _ns(us: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[int]:
    return [round(1000 * value) for value in us]


def _session(number: int, rows: Sequence[VisitRow], requests: pl.DataFrame) -> SessionData:
    record = Record(
        session=number,
        started_utc=f"2026-03-01T10:00:{number:02}+00:00",
        seconds={"total": 2.5, "visiting": 1.5, "other": 1.0},
        schedule=SCHEDULE,
        proofs={},
        failures={},
        visits=tuple(rows),
    )
    return SessionData(record, requests)


def summary_of(table: Mapping[str, object], sessions: Sequence[SessionData]) -> Summary:
    asked = experiment(table)
    return run_summary(
        asked, sessions, directory="results/loaded", schedule=plan_of(asked, SCHEDULE).schedule, seconds_total=20.0
    )
