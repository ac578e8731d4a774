"""Runs that never were, as `compare` reads them, and written as a run would have left them."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from harness.analysis.between_runs.changes import RunData
from harness.model import Plan, Visit, VisitRow
from harness.store.files import requests_table
from harness.store.store import Store
from tests.support.simulated_run import HOST, Run, run_of

TRUTH = {"tcp": 1.0, "uds-tmpfs": 0.9, "uds-dir": 0.9}


def run_data(  # noqa: PLR0913 - all that runs may differ in
    directory: str = "results/base",
    *,
    rounds: int = 40,
    sessions: int = 8,
    host: Mapping[str, Any] = HOST,
    paths: Mapping[str, str] | None = None,
    failures: Mapping[str, int] | None = None,
    factors: Mapping[str, float] | None = None,
) -> RunData:
    """A run of three arms, whose times are `factors` of the TRUTH; `paths` are what is asked of an arm instead of /.

    Another number of rounds is other noise.
    """
    truth = {name: usual * (factors or {}).get(name, 1) for name, usual in TRUTH.items()}
    made = _made(tuple(truth.items()), rounds, sessions, tuple((failures or {}).items()))
    overrides = tuple(f"arms.{name}.path={path}" for name, path in (paths or {}).items())
    plan = _with_paths(made.plan, paths or {}).model_copy(update={"overrides": overrides})
    summary = made.summary.model_copy(update={"directory": directory, "overrides": overrides})
    return RunData(plan=plan, summary=summary, records=[session.record for session in made.sessions], host=host)


def write_run(run: RunData, directory: Path) -> Path:
    """The results directory of `run`, in which all requests of a visit take its mean."""
    store = Store(directory)
    store.write_text("plan.json", run.plan.model_dump_json())
    store.write_json("host.json", dict(run.host))
    for record in run.records:
        store.write_session(record, requests_table([_visit(row) for row in record.visits]))
    return directory


def _visit(row: VisitRow) -> Visit:
    places = tuple(range(row.requests))
    return Visit(
        round=row.round,
        order=row.order,
        arm=row.arm,
        requests=row.requests,
        mean_us=row.mean_us,
        positions=places,
        start_ns=places,
        latency_ns=(round(1000 * (row.mean_us or 0)),) * row.requests,
    )


@cache
def _made(
    truth: tuple[tuple[str, float], ...], rounds: int, sessions: int, failures: tuple[tuple[str, int], ...]
) -> Run:
    """Once for all tests: nothing in it can be changed."""
    return run_of(dict(truth), rounds=rounds, sessions=sessions, failures=dict(failures), raw=False)


def _with_paths(plan: Plan, paths: Mapping[str, str]) -> Plan:
    arms = tuple(
        arm.model_copy(update={"settings": arm.settings.model_copy(update={"path": paths.get(arm.name, "/")})})
        for arm in plan.experiment.arms
    )
    return plan.model_copy(update={"experiment": plan.experiment.model_copy(update={"arms": arms})})
