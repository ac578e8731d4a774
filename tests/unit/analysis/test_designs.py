"""Over the designs of all packaged experiments, with pilot and early stopping, intervals are as sure as they say."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import harness
from harness.analysis.pilot import pilot_of
from harness.experiment.cost import visit_lengths
from harness.experiment.read import read_experiment
from harness.experiment.schedule import pilot_schedule, schedule_of
from harness.model import Experiment
from tests.support.group_sequential_runs import Ending, ending_of
from tests.support.simulated_machine import Machine, truths

CONFIGS = sorted((Path(harness.__file__).parents[1] / "configs").glob("*.toml"))
SEARCHES = ("capacity",)  # whose sessions are no rounds of bursts
RUNS_PER_PILOT = 40
MANY_PAIRS = 8


def pilots_for(experiment: Experiment) -> int:
    """How many pilots tell the coverage to 0.5 %, a standard error: each run of many pairs tells more."""
    return 10 if len(experiment.pairs) >= MANY_PAIRS else 25


def endings(experiment: Experiment, machine: Machine, pilots: int) -> Iterator[Ending]:
    """A pilot chooses, runs are measured as it chose until they stop, and so on with the next pilot."""
    rng = np.random.default_rng(1)
    trial = pilot_schedule(experiment, machine.cost(experiment, *visit_lengths(experiment)).round_s)
    for _ in range(pilots):
        sessions = machine.pilot(rng, experiment, trial)
        spent_s = sum(session.session_s + session.visiting_s for session in sessions)
        schedule = schedule_of(experiment, None, pilot_of(experiment, sessions, spent_s), spent_s)
        yield from map(
            ending_of(experiment, schedule.looks), machine.effects(rng, experiment, schedule, RUNS_PER_PILOT)
        )


def coverage(experiment: Experiment, seen: Sequence[Ending]) -> float:
    """The share of intervals with the truth inside, over all pairs."""
    truth = dict(zip((arm.name for arm in experiment.arms), np.log(truths(experiment)), strict=True))
    ratios = [truth[arm] - truth[against] for arm, against in experiment.pairs]
    inside = [[low <= ratio <= high for (low, high), ratio in zip(one.intervals, ratios, strict=True)] for one in seen]
    return float(np.mean(inside))


@pytest.mark.parametrize("path", [path for path in CONFIGS if path.stem not in SEARCHES], ids=lambda path: path.stem)
def test_with_pilot_and_stopping_93_to_97_percent_of_intervals_cover_the_truth(path: Path) -> None:
    experiment = read_experiment(path)
    pilots = pilots_for(experiment)
    seen = list(endings(experiment, Machine(), pilots))
    assert len(seen) == pilots * RUNS_PER_PILOT
    assert 0.93 <= coverage(experiment, seen) <= 0.97


def test_a_quiet_machine_stops_early_and_its_intervals_are_surer_still() -> None:
    packaged = read_experiment(next(path for path in CONFIGS if path.stem == "payload"))
    long = packaged.design.model_copy(update={"budget_s": 300.0})
    experiment = packaged.model_copy(update={"design": long})
    quiet = replace(Machine(), noise=0.02, drift=0.001, session_sd=0.002)
    seen = list(endings(experiment, quiet, pilots=5))
    assert np.mean([one.sessions for one in seen]) < 16
    assert coverage(experiment, seen) >= 0.97
