"""Measures how much a dask worker slows down a run beside it, and three rounds of `barehop fleet` on this machine.

One run each with a worker as `barehop fleet` uses it and with a worker of dask's usual options. Four times a second the
worker is stopped or continued by a signal, in random order within pairs, so that the same servers are measured with
and without it. A pair of such windows gives one difference of the median log time of a request.
"""

import math
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
WINDOW_S, EDGE_NS = 0.25, 10_000_000  # requests so near to a signal are left out
ROUNDS_PER_S = 10  # of the run beside a worker, in each of two sessions: about as many as fit
MARGIN_PERCENT = 0.5  # within which workers are called equivalent to none
SEED = 1


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which the worker ran, or was stopped."""

    begin_ns: int
    end_ns: int
    is_running: bool
    cpu_ns: int  # that the worker used


def toggle(pids: Sequence[int], run: "Future[object]") -> list[Window]:
    """Stop and continue processes in random order, in pairs, until `run` has ended; they run afterwards."""
    source, windows = random.Random(SEED), list[Window]()  # noqa: S311 - an order, no secret
    try:
        while not run.done():
            first = source.random() < 0.5
            for is_running in (first, not first):
                for pid in pids:
                    os.kill(pid, signal.SIGCONT if is_running else signal.SIGSTOP)
                used_ns, begin_ns = cpu_ns(pids), time.perf_counter_ns()
                time.sleep(WINDOW_S)
                windows.append(Window(begin_ns, time.perf_counter_ns(), is_running, cpu_ns(pids) - used_ns))
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    return windows


def cpu_ns(pids: Sequence[int]) -> int:
    """Return the CPU time of all threads of the processes so far. man 5 proc: schedstat."""
    tasks = (task for pid in pids for task in Path(f"/proc/{pid}/task").iterdir())
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)


class Slowdown(JsonModel):
    """By how much requests take longer while a worker runs, with the 95 % interval, over so many pairs of windows."""

    worker: str
    cpu_us_per_s: float  # that the worker used
    low: float
    percent: float
    high: float
    pairs: int

    def __str__(self) -> str:
        """Return the figures and what they mean."""
        is_equivalent = max(-self.low, self.high) < MARGIN_PERCENT
        verdict = "equivalent to none" if is_equivalent else "not shown to be equivalent to none"
        interval = f"95 % interval {self.low:+.2f} to {self.high:+.2f}"
        used = f"it uses {self.cpu_us_per_s:.0f} us of CPU time per second"
        return f"{self.worker}: {self.percent:+.2f} % ({interval}), {verdict} within {MARGIN_PERCENT} %; {used}"


def slowdown(worker: str, directory: Path, windows: Sequence[Window]) -> Slowdown:
    """Compare the requests of the run below `directory` in each pair of windows."""
    tables = [polars.read_parquet(path) for path in sorted(directory.rglob("sessions/[0-9]*.parquet"))]
    log_ns = polars.col("latency_ns").log()
    table = polars.concat(
        [table.select("start_ns", (log_ns - log_ns.median().over("arm")).alias("value")) for table in tables]
    ).sort("start_ns")
    start_ns, value = table["start_ns"].to_numpy(), table["value"].to_numpy()

    def centre(window: Window) -> float:
        low, high = np.searchsorted(start_ns, (window.begin_ns + EDGE_NS, window.end_ns - EDGE_NS))
        return float(np.median(value[low:high])) if high > low else math.nan

    differences, used_us_per_s = [], []
    for pair in zip(windows[::2], windows[1::2], strict=False):
        centres = {window.is_running: centre(window) for window in pair}
        difference = 100 * (centres[True] - centres[False])
        if math.isfinite(difference):  # between sessions there are no requests
            differences.append(difference)
            running = next(window for window in pair if window.is_running)
            used_us_per_s.append(1e6 * running.cpu_ns / (running.end_ns - running.begin_ns))
    low, high = stats.t.interval(0.95, len(differences) - 1, np.mean(differences), stats.sem(differences))
    return Slowdown(
        worker=worker,
        cpu_us_per_s=float(np.mean(used_us_per_s)),
        low=low,
        percent=float(np.mean(differences)),
        high=high,
        pairs=len(differences),
    )


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
    lengths = {"sessions": 2, "rounds": round(ROUNDS_PER_S * seconds), "burst": 20, "settle": 4}
    overrides = [f"design.{name}={value}" for name, value in lengths.items()]
    quiet, usual = directory / "quiet", directory / "usual"
    with connect_local_workers(1) as client:
        pids = list(client.run(os.getpid).values())
        run = partial(run_fleet, client, "quick", overrides, quiet)
        yield measure_beside("a worker of barehop fleet", pids, run, quiet)
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        pids = [worker.pid for worker in cluster.workers.values()]
        yield measure_beside("a worker with dask's usual options", pids, partial(run_alone, overrides, usual), usual)


def effect_texts(directories: Sequence[Path]) -> dict[str, str]:
    """Return the difference in the typical request of each comparison, over runs of one host."""
    effects = [
        effect
        for effect in pool_fleet(read_fleet([str(directory) for directory in directories]), "").effects
        if effect.metric == "latency" and effect.kind == "pair" and not effect.is_control
    ]
    intervals = {
        effect.label: amount_interval(shown_percent(effect.by_host[0].percent, effect.metric)) for effect in effects
    }
    return {
        label: percent_with_interval(interval, named=False) if interval else "-"
        for label, interval in intervals.items()
    }


def page(slowdowns: Sequence[Slowdown], directory: Path) -> str:
    """Return the page of the study: the rounds below `directory`, and what workers cost where it was measured."""
    rounds = sorted(path.parent for path in directory.glob("*/plan.json"))
    together = effect_texts(rounds)
    rows = {f"round {number}": effect_texts([path]) for number, path in enumerate(rounds, 1)} | {"together": together}
    [(first, text), *_] = together.items()
    lines = [
        f"# {len(rounds)} rounds of `barehop fleet baseline --local {len(rounds)}`",
        "",
        f"**{len(rounds)} rounds on one machine together give {first}: {text}; other machines were not measured.**",
        "",
        f"These are {len(rounds)} runs on one virtual machine with two CPUs, one after the other. They show whether a",
        "result repeats there, and are one host: what another machine shows, only other machines can tell. The table",
        "has the difference in the typical request, with its 95 % interval.",
        "",
        f"| | {' | '.join(together)} |",
        f"|{'---|' * (len(together) + 1)}",
        *(f"| {name} | {' | '.join(row.values())} |" for name, row in rows.items()),
        "",
    ]
    if slowdowns:
        lines += [
            "## What a dask worker costs",
            "",
            "The change in the time of a request of `quick` while the worker runs, against the same servers while a",
            "signal stops it:",
            "",
            *(f"- {slowdown}, over {slowdown.pairs} pairs of {WINDOW_S:g} s." for slowdown in slowdowns),
            "",
        ]
    return "\n".join(lines)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option(
    "--seconds", type=click.FloatRange(min=20), default=90.0, help="About the length of the run beside each worker."
)
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
