"""Measure whether a profile changes the times of the session after it, or the difference between arms.

The timed visits of a session precede its own profile, so only that of the session before can change them. Units of two
sessions alternate: a short one with or without a profile, and one that is timed. A pair has one unit of each kind, in
random order and with the same layout of memory: it hardly matters that the machine moves by percents within minutes.
"""

import random
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import click
import numpy as np

from harness.analysis.contrasts.engine import RunSeries
from harness.analysis.statistics.intervals import estimate_mean, to_percent
from harness.analysis.statistics.verdict import is_equivalent
from harness.analysis.why.quantities import TIME_US, level
from harness.console import load_polars, run_command
from harness.errors import MachineError
from harness.experiment.read import read_experiment
from harness.model import Record
from harness.report.commands.progress import Progress
from harness.session.measure import Run, run_session
from harness.session.run_experiment import RunOptions, create_run
from harness.session.time_budget import Clock
from harness.testbed.kernel.lock import hold_machine
from scripts.study_door import made

QUICK = Path(__file__).parents[1] / "configs/quick.toml"
DESIGN = {"seed": 1, "rounds": 200, "burst": 16, "settle": 4, "layout": '"matched"', "control": "false"}
SHORT_S, TIMED_S = 0.1, 2.0  # of visits
KINDS = ("plain", "profile")
ARMS = ("tcp", "uds-tmpfs")
MARGIN_PERCENT = 1.0
CONFIDENCE = 0.9  # of the interval that decides whether two times are equivalent
FEWEST_PAIRS = 3

Times = Mapping[str, list[float]]  # log us of a request in both arms, by kind of the session before


@dataclass(frozen=True, slots=True)
class Unit:
    """The runs that have the short sessions, and those that are timed."""

    before: Run
    timed: Run

    def log_times(self, number: int) -> list[float]:
        """Measure a session of each; return the log of the typical time of each arm in us. Raises MachineError."""
        before = _run_session(number, self.before, SHORT_S)
        if self.before.plan.experiment.design.profile and before.profile is None:
            raise MachineError(" ".join(before.unseen))
        series = RunSeries([_run_session(number, self.timed, TIMED_S)])
        return [float(level(series, arm, TIME_US).log_ratio[0]) for arm in ARMS]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seconds", type=click.IntRange(min=1), default=1200, show_default=True, help="Time for all pairs.")
@click.option("--out", type=click.Path(path_type=Path), help="A new or empty directory.")
def main(seconds: int, out: Path | None) -> None:
    """Compare sessions of `quick` that follow a session with a profile with those that follow one without."""
    directory, deadline = made(out, Path("results/profile-timing")), time.monotonic() + seconds
    pairs: list[Times] = []
    with _open_units(directory, sessions=seconds + FEWEST_PAIRS) as units:
        chance = random.Random(1)  # noqa: S311 - chance, not secrecy
        while time.monotonic() < deadline or len(pairs) < FEWEST_PAIRS:
            order = chance.sample(KINDS, len(KINDS))
            pairs.append({kind: units[kind].log_times(len(pairs) + 1) for kind in order})
    logs = {kind: np.array([pair[kind] for pair in pairs]) for kind in KINDS}
    click.echo(f"{len(pairs)} pairs of sessions, {CONFIDENCE:.0%} intervals, equivalent within {MARGIN_PERCENT:g} %:")
    tcp, unix = (logs["profile"] - logs["plain"]).T
    for place, arm in enumerate(ARMS):
        levels = {kind: estimate_mean(np.exp(logs[kind][:, place])) for kind in KINDS}
        words = [f"after {kind} {of.mean:.1f} us +- {of.half_width(CONFIDENCE):.1f}" for kind, of in levels.items()]
        click.echo(f"{arm}: {', '.join(words)}")
    for name, changes in {"tcp": tcp, "uds-tmpfs": unix, "the difference between them": unix - tcp}.items():
        estimate = estimate_mean(changes)
        value, low, high = map(to_percent, (estimate.mean, *estimate.interval(CONFIDENCE)))
        verdict = "equivalent" if is_equivalent(estimate, MARGIN_PERCENT) else "not shown to be equivalent"
        click.echo(f"A profile before changes {name} by {value:+.2f} % ({low:+.2f} to {high:+.2f}): {verdict}")


@contextmanager
def _open_units(directory: Path, sessions: int) -> Iterator[Mapping[str, Unit]]:
    """Yield a unit of each kind on this machine; servers of a session end while those of the next one start."""
    load_polars()
    with ExitStack() as until_the_end:
        until_the_end.enter_context(hold_machine(partial(click.echo, err=True)))
        ending = until_the_end.enter_context(ExitStack())

        def create(name: str, *, with_profile: bool = False) -> Run:
            return replace(_create_run(directory / name, sessions, with_profile=with_profile), ending=ending)

        yield {kind: Unit(create(kind, with_profile=kind == "profile"), create(f"after-{kind}")) for kind in KINDS}


def _create_run(directory: Path, sessions: int, *, with_profile: bool) -> Run:
    design = DESIGN | {"sessions": sessions, "profile": str(with_profile).lower()}
    overrides = tuple(f"design.{key}={value}" for key, value in design.items())
    options = RunOptions(
        document=QUICK.read_bytes(),
        overrides=overrides,
        results=directory.parent,
        out=directory,
        clock=Clock(time.monotonic()),
        progress=Progress(is_quiet=True),
        allow_global=False,
    )
    return create_run(read_experiment(QUICK, overrides), options)


def _run_session(number: int, run: Run, visiting_s: float) -> Record:
    limits = {"visiting_s": visiting_s, "fewest_rounds": 1, "counted_sessions": 0}
    run_session(number, run, run.plan.schedule.model_copy(update=limits))
    return run.sessions.pop(number).record


if __name__ == "__main__":
    run_command(main, "profile-timing")
