"""What a method is asked and what it gives."""

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
    """To compare the arms of `experiment` until `deadline` of time.monotonic(), leaving files in `directory`."""

    experiment: Experiment
    directory: Path
    deadline: float
    seed: int

    def left_s(self) -> float:
        return self.deadline - time.monotonic()

    def turns(self, arms: Collection[str]) -> Iterator[tuple[str, float]]:
        """Each arm with the end of its turn: one after the other they share equally what time is left."""
        for waiting, arm in zip(range(len(arms), 0, -1), arms, strict=True):
            yield arm, time.monotonic() + self.left_s() / waiting


@dataclass(frozen=True, slots=True)
class Measured:
    """`runs` per arm are what the intervals count. `own_alarm`: what the tool itself says of the control."""

    effect: Interval
    control: Interval
    runs: int
    own_alarm: bool | None = None


@dataclass(frozen=True, slots=True)
class Method:
    about: str
    measure: Callable[[Task], Measured]


def measured(times: Mapping[str, Times], interval: Callable[[Times, Times], Interval]) -> Measured:
    """What the mean times of each arm's runs say."""
    return Measured(
        effect=interval(times[UNIX], times[TCP]),
        control=interval(times[CONTROL], times[TCP]),
        runs=min(map(len, times.values())),
    )
