"""Measure how long a results directory takes to read and analyse, by its number of requests, on one CPU."""

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
import polars as pl

from harness.experiment.plan import plan_of
from harness.experiment.read import read_experiment
from harness.model import Plan, Record, Schedule, VisitRow
from harness.session.summarize import read_results
from harness.store.files import REQUEST_COLUMNS
from harness.store.store import Store

BASELINE = Path(__file__).parents[1] / "configs" / "baseline.toml"
SESSIONS, BURST, LEVEL_US = 12, 16, 400.0


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("requests", nargs=-1, type=click.IntRange(min=10_000))
def main(requests: tuple[int, ...]) -> None:
    """Print the seconds of CPU time for each number of REQUESTS (default: 1 and 10 million)."""
    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
    for number in requests or (1_000_000, 10_000_000):
        with TemporaryDirectory() as directory:
            made = write_run(Path(directory) / "run", number)
            start_s = time.process_time()
            summary = read_results(Path(directory) / "run").summary
            spent_s = time.process_time() - start_s
        click.echo(f"{made} requests, {len(summary.comparisons)} comparisons: {spent_s:.1f} s")


def write_run(directory: Path, requests: int) -> int:
    """Write the results of a simulated baseline with about so many requests; return their number."""
    experiment = read_experiment(BASELINE)
    rounds = max(requests // (SESSIONS * len(experiment.arms) * BURST), 1)
    schedule = Schedule(sessions=SESSIONS, rounds=rounds, burst=BURST, settle=2, reason="simulated")
    store = Store(directory)
    (directory / "sessions").mkdir(parents=True)
    plan = store.write_plan(plan_of(experiment, schedule))
    rng = np.random.default_rng(1)
    for session in range(1, SESSIONS + 1):
        store.write_session(*simulate_session(plan, session, rng))
    return SESSIONS * len(experiment.arms) * rounds * BURST


def simulate_session(plan: Plan, session: int, rng: np.random.Generator) -> tuple[Record, pl.DataFrame]:
    """Return the record of a session and the times of its requests."""
    names, rounds = [arm.name for arm in plan.experiment.arms], plan.schedule.rounds
    visits = rounds * len(names)
    latency_ns = (1000 * LEVEL_US * np.exp(rng.gamma(1, 0.05, (visits, BURST)))).astype(np.int64)
    means_us = latency_ns.mean(axis=1) / 1000
    order = np.tile(np.arange(len(names)), rounds)
    arms = [names[place] for place in order]
    rows = zip(np.repeat(np.arange(rounds), len(names)).tolist(), order.tolist(), arms, means_us.tolist(), strict=True)
    record = Record(
        session=session,
        run_id=plan.run_id,
        started_utc=f"2026-01-01T00:00:{session:02}+00:00",
        seconds={"total": 2.0, "visiting": 1.5},
        schedule=plan.schedule,
        proofs={},
        failures={},
        visits=tuple(
            VisitRow(round=round_, order=place, arm=arm, requests=BURST, mean_us=mean_us, cpu_us={"app": 100.0})
            for round_, place, arm, mean_us in rows
        ),
    )
    per_request = {
        "round": np.repeat(np.arange(rounds), len(names) * BURST),
        "order": np.repeat(order, BURST),
        "arm": np.repeat(arms, BURST),
        "position": np.tile(np.arange(BURST), visits),
        "start_ns": np.cumsum(latency_ns.ravel()),
        "latency_ns": latency_ns.ravel(),
        "late_ns": np.zeros(latency_ns.size, dtype=np.int64),
    }
    return record, pl.DataFrame(per_request).cast({name: getattr(pl, kind) for name, kind in REQUEST_COLUMNS.items()})


if __name__ == "__main__":
    main()
