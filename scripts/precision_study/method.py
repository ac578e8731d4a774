"""The input and output types of a method."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.model import Experiment
from scripts.precision_study.intervals import Interval, Times

TCP, UNIX, CONTROL = "tcp", "uds-tmpfs", "control"
FEWEST_RUNS = 2


@dataclass(frozen=True, slots=True)
class Task:
    """Compare the arms of `experiment` until `deadline` (time.monotonic()); write files to `directory`."""

    experiment: Experiment
    directory: Path
    deadline: float
    seed: int

    def left_s(self) -> float:
        return self.deadline - time.monotonic()

    def turns(self, arms: Collection[str]) -> Iterator[tuple[str, float]]:
        """Yield each arm with the end of its turn; the arms share the remaining time equally, one after the other."""
        for waiting, arm in zip(range(len(arms), 0, -1), arms, strict=True):
            yield arm, time.monotonic() + self.left_s() / waiting


@dataclass(frozen=True, slots=True)
class Measured:
    """`runs`: the sample size per arm. `own_alarm`: whether the tool's own test finds a difference in the A/A test."""

    effect: Interval
    control: Interval
    runs: int
    own_alarm: bool | None = None


@dataclass(frozen=True, slots=True)
class Method:
    about: str
    measure: Callable[[Task], Measured]


def measured(times: Mapping[str, Times], interval: Callable[[Times, Times], Interval]) -> Measured:
    """Return the intervals from the mean times of each arm's runs."""
    return Measured(
        effect=interval(times[UNIX], times[TCP]),
        control=interval(times[CONTROL], times[TCP]),
        runs=min(map(len, times.values())),
    )
