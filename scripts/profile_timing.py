"""Measure whether a run with --profile gives the same times and the same difference as one without."""

import random
from pathlib import Path

import click
import numpy as np

from harness.analysis.contrasts.engine import RunSeries
from harness.analysis.statistics.intervals import CONFIDENCE, estimate_mean, to_percent
from harness.analysis.statistics.verdict import is_equivalent
from harness.analysis.why.quantities import TIME_US, level
from harness.session.summarize import read_results
from scripts.precision_study.stand import call, python_module
from scripts.study_door import made

# The length, the orders and the layouts of both runs of a pair are the same, so that only the profile differs.
DESIGN = {"sessions": 3, "rounds": 100, "burst": 16, "settle": 4, "layout": '"matched"', "control": "false"}
KINDS = ("plain", "profile")
ARMS = ("tcp", "uds-tmpfs")
MEASURED = (0, 1)  # 1: with a doubt
MARGIN_PERCENT = 1.0


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("pairs", type=click.IntRange(min=2), default=10)
@click.option("--out", type=click.Path(path_type=Path), help="A new or empty directory.")
def main(pairs: int, out: Path | None) -> None:
    """Compare PAIRS of runs of `quick` (default: 10, in 5 min) with and without --profile, in random order."""
    directory, chance = made(out, Path("results/profile-timing")), random.Random(1)  # noqa: S311 - chance, not secrecy
    logs: dict[str, list[list[float]]] = {kind: [] for kind in KINDS}
    for pair in range(1, pairs + 1):
        for kind in chance.sample(KINDS, len(KINDS)):
            times_us = run_quick(directory / f"{pair:02}-{kind}", kind == "profile", seed=pair)
            logs[kind].append(np.log(times_us).tolist())
    tcp, unix = (np.array(logs["profile"]) - np.array(logs["plain"])).T
    click.echo(f"--profile changes, in {pairs} pairs of runs (95 % intervals, equivalent within {MARGIN_PERCENT:g} %):")
    for name, changes in {"tcp": tcp, "uds-tmpfs": unix, "the difference between them": unix - tcp}.items():
        estimate = estimate_mean(changes)
        value, low, high = map(to_percent, (estimate.mean, *estimate.interval(CONFIDENCE)))
        verdict = "equivalent" if is_equivalent(estimate, MARGIN_PERCENT) else "not shown to be equivalent"
        click.echo(f"{name}: {value:+.2f} % ({low:+.2f} to {high:+.2f}), {verdict}")


def run_quick(directory: Path, with_profile: bool, seed: int) -> list[float]:
    """Run `quick`; return the typical time of a request of each arm in us."""
    settings = [f"--set=design.{key}={value}" for key, value in (DESIGN | {"seed": seed}).items()]
    options = [*settings, "--quiet", f"--out={directory}", *(["--profile"] if with_profile else [])]
    call([*python_module("harness"), "run", "quick", *options], directory.with_suffix(".log"), MEASURED)
    series = RunSeries(read_results(directory).records)
    return [float(level(series, arm, TIME_US).difference.mean()) for arm in ARMS]


if __name__ == "__main__":
    main()
