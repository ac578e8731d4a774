"""Measures how much a dask worker slows down a run beside it, and three rounds of `barehop fleet` on this machine.

One run each with a worker as `barehop fleet` uses it and with a worker of dask's usual options. About every second the
worker is stopped or continued by a signal, in random order within pairs, so that the same servers are measured with
and without it. A pair of seconds gives one difference of the mean log time of a request.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import numpy as np
import polars
from distributed import Client, LocalCluster
from scipy import stats

from harness.analysis.between_runs.pool import pool_fleet
from harness.analysis.contrasts.rates import shown_percent
from harness.console import run_command
from harness.fleet.cluster import connect_local_workers
from harness.fleet.job import create_job
from harness.fleet.measure import measure_fleet
from harness.fleet.workers import find_workers
from harness.model import JsonModel
from harness.report.format import amount_interval, percent_with_interval
from harness.session.pool import read_fleet
from harness.start import module_command
from scripts.study_door import made

CHECKOUT = Path(__file__).parents[1]
PUBLISHED = CHECKOUT / "results/published/fleet/fleet.md"
ROUNDS = 3
WINDOW_S, EDGE_NS = 1.0, 20_000_000  # requests so near to a signal are left out
MARGIN_PERCENT = 0.5  # within which workers are called equivalent to none
SEED = 1


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which the worker ran, or was stopped."""

    begin_ns: int
    end_ns: int
    is_running: bool


def toggle(pids: Sequence[int], run: "Future[object]") -> list[Window]:
    """Stop and continue processes in random order, in pairs, until `run` has ended; they run afterwards."""
    source, windows = random.Random(SEED), list[Window]()  # noqa: S311 - an order, no secret
    try:
        while not run.done():
            first = source.random() < 0.5
            for is_running in (first, not first):
                for pid in pids:
                    os.kill(pid, signal.SIGCONT if is_running else signal.SIGSTOP)
                begin_ns = time.perf_counter_ns()
                time.sleep(WINDOW_S)
                windows.append(Window(begin_ns, time.perf_counter_ns(), is_running))
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    return windows


class Slowdown(JsonModel):
    """By how much requests take longer while a worker runs, with the 95 % interval, over so many pairs of windows."""

    worker: str
    low: float
    percent: float
    high: float
    pairs: int

    def __str__(self) -> str:
        """Return the figures and what they mean."""
        is_equivalent = max(-self.low, self.high) < MARGIN_PERCENT
        verdict = "equivalent to none" if is_equivalent else "not shown to be equivalent to none"
        interval = f"95 % interval {self.low:+.2f} to {self.high:+.2f}"
        return f"{self.worker}: {self.percent:+.2f} % ({interval}), {verdict} within {MARGIN_PERCENT} %"


def slowdown(worker: str, directory: Path, windows: Sequence[Window]) -> Slowdown:
    """Compare the requests of the run below `directory` in each pair of windows."""
    tables = [polars.read_parquet(path) for path in sorted(directory.rglob("sessions/[0-9]*.parquet"))]
    log_ns = polars.col("latency_ns").log()
    table = polars.concat(
        [table.select("start_ns", (log_ns - log_ns.median().over("arm")).alias("value")) for table in tables]
    ).sort("start_ns")
    start_ns, value = table["start_ns"].to_numpy(), table["value"].to_numpy()

    def mean(window: Window) -> float | None:
        low, high = np.searchsorted(start_ns, (window.begin_ns + EDGE_NS, window.end_ns - EDGE_NS))
        return float(value[low:high].mean()) if high > low else None

    differences = []
    for pair in zip(windows[::2], windows[1::2], strict=False):
        by_state = {window.is_running: mean(window) for window in pair}
        with suppress(TypeError):  # no request between sessions
            differences.append(100 * (by_state[True] - by_state[False]))  # type: ignore[operator]
    low, high = stats.t.interval(0.95, len(differences) - 1, np.mean(differences), stats.sem(differences))
    return Slowdown(worker=worker, low=low, percent=float(np.mean(differences)), high=high, pairs=len(differences))


def measure_beside(worker: str, pids: Sequence[int], run: Callable[[], object], directory: Path) -> Slowdown:
    """Return what the processes `pids` do to `run`, which leaves its results below `directory`."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(run)
        windows = toggle(pids, future)
    future.result()
    return slowdown(worker, directory, windows)


def run_fleet(client: Client, config: str, overrides: Sequence[str], directory: Path) -> None:
    """Let the workers of `barehop fleet` measure."""
    job = create_job(CHECKOUT / f"configs/{config}.toml", overrides, allow_global=False, sends=False)
    directory.mkdir()
    measure_fleet(client, job, find_workers(client)[0], directory, partial(click.echo, err=True))


def run_alone(overrides: Sequence[str], directory: Path) -> None:
    """Measure by `barehop run`."""
    words = [word for override in overrides for word in ("--set", override)]
    command = [sys.executable, *module_command("harness"), "run", "quick", "--quiet", "--html", *words]
    subprocess.run([*command, "--out", str(directory / "run")], check=False)


def measure_workers(seconds: float, directory: Path) -> Iterator[Slowdown]:
    """Measure beside both kinds of worker."""
    overrides = [f"design.budget_s={seconds}", "design.precision_percent=0.01"]
    quiet, usual = directory / "quiet", directory / "usual"
    with connect_local_workers(1) as client:
        pids = list(client.run(os.getpid).values())
        run = partial(run_fleet, client, "quick", overrides, quiet)
        yield measure_beside("a worker of barehop fleet", pids, run, quiet)
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        pids = [worker.pid for worker in cluster.workers.values()]
        yield measure_beside("a worker with dask's usual options", pids, partial(run_alone, overrides, usual), usual)


def round_rows(directory: Path) -> Iterator[str]:
    """Yield a line of a table for each round, and one for all together: the typical request of each comparison."""
    rounds = sorted(path.parent for path in directory.glob("*/plan.json"))
    named = [*((f"round {number}", [path]) for number, path in enumerate(rounds, 1)), ("together, as one host", rounds)]
    for name, paths in named:
        effects = [
            effect
            for effect in pool_fleet(read_fleet([str(path) for path in paths]), "").effects
            if effect.metric == "latency" and effect.kind == "pair" and not effect.is_control
        ]
        if name == "round 1":
            yield f"| | {' | '.join(effect.label for effect in effects)} |"
            yield f"|{'---|' * (len(effects) + 1)}"
        shown = [amount_interval(shown_percent(effect.by_host[0].percent, effect.metric)) for effect in effects]
        texts = (percent_with_interval(interval, named=False) if interval else "-" for interval in shown)
        yield f"| {name} | {' | '.join(texts)} |"


def page(slowdowns: Sequence[Slowdown], directory: Path) -> str:
    """Return the page of the study."""
    quiet, usual = map(str, slowdowns)
    pairs = " and ".join(str(each.pairs) for each in slowdowns)
    lines = [
        "# What a waiting dask worker costs, and three rounds on one machine",
        "",
        f"**With {quiet}; {usual}.**",
        "",
        "The change in the time of a request of `quick` while the worker runs, against the same servers while a signal",
        f"stops it, over {pairs} pairs of seconds. Measured on one virtual machine with two CPUs, both of them used.",
        "",
        "## Three rounds of `barehop fleet baseline --local 3`",
        "",
        "These are three runs on one virtual machine, one after the other, and not three hosts: they show whether a",
        "result repeats here. What another machine shows, only other machines can tell.",
        "",
        *round_rows(directory),
        "",
    ]
    return "\n".join(lines)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--seconds", type=click.FloatRange(min=20), default=90.0, help="Budget of the run beside each worker.")
@click.option("--budget", type=click.FloatRange(min=20), default=45.0, help="Budget of each of the three rounds.")
@click.option("--out", type=click.Path(path_type=Path), help="Directory of the results; must be new or empty.")
@click.option("--publish", is_flag=True, help="Write the page to results/published/fleet.")
def fleet_study(seconds: float, budget: float, out: Path | None, publish: bool) -> None:
    """Measure how much a dask worker disturbs the run beside it, and three rounds on this machine."""
    directory = made(out, CHECKOUT / "results/fleet-study")
    slowdowns = []
    for measured in measure_workers(seconds, directory):
        slowdowns.append(measured)
        click.echo(f"fleet-study: with {measured}, over {measured.pairs} pairs", err=True)
    rounds = directory / "rounds"
    with connect_local_workers(ROUNDS) as client:
        run_fleet(client, "baseline", [f"design.budget_s={budget}"], rounds)
    text = page(slowdowns, rounds)
    click.echo(text)
    if publish:
        PUBLISHED.parent.mkdir(parents=True, exist_ok=True)
        PUBLISHED.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run_command(fleet_study, "fleet-study")
