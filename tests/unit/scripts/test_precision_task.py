"""How a method shares its time among the arms."""

import time
from pathlib import Path

import pytest

from harness.experiment.read import read_experiment
from scripts.precision_study.by_barehop import EXPERIMENT
from scripts.precision_study.intervals import independent
from scripts.precision_study.method import CONTROL, TCP, UNIX, Task, measured
from scripts.precision_study.methods import METHODS
from scripts.precision_study.study import Design


def task(seconds: float) -> Task:
    return Task(read_experiment(EXPERIMENT), Path(), deadline=time.monotonic() + seconds, seed=1)


def test_the_arms_are_those_that_every_method_compares() -> None:
    experiment = task(1).experiment
    assert [arm.name for arm in experiment.arms] == [TCP, UNIX, CONTROL]
    assert experiment.arm(CONTROL).control_of == TCP
    assert experiment.pairs == ((CONTROL, TCP), (UNIX, TCP))


def test_who_comes_late_shares_what_is_left() -> None:
    ends = dict(task(-1000).turns([TCP, UNIX, CONTROL]))
    now = time.monotonic()
    assert [round((now - end) / 100) for end in ends.values()] == [3, 5, 10]


def test_the_effect_is_of_the_socket_and_the_control_is_against_the_same_arm() -> None:
    seen = measured({TCP: [100, 101, 100], UNIX: [80, 81, 80, 81], CONTROL: [101, 100, 100]}, independent)
    assert -25 < seen.effect.percent_low < seen.effect.percent_high < -15
    assert not seen.control.excludes_zero
    assert seen.runs == 3


def test_the_time_of_all_is_known_before() -> None:
    assert Design(methods=tuple(METHODS), seconds=40, repeats=4, seed=1).total_s == pytest.approx(800)
