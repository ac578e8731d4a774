"""Rates that are parts of a capacity."""

import pytest

from harness.model import Arm, Design, Experiment, Settings
from harness.session.pilot import saturating_arms, with_absolute_rates


def experiment(**rates: float | str) -> Experiment:
    arms = tuple(Arm(name=name, settings=Settings(rate=rate)) for name, rate in rates.items())
    return Experiment(name="rates", question="", arms=arms, pairs=(), design=Design())


@pytest.mark.parametrize(
    ("rate", "capacity_per_s", "expected"),
    [("50%", 1001.0, 500.0), ("1%", 20.0, 0.2), ("0.5%", 30.0, 0.15), ("33%", 29.0, 9.6), (70.0, 1000.0, 70.0)],
)
def test_a_part_of_a_capacity_is_round_and_never_no_rate(
    rate: float | str, capacity_per_s: float, expected: float
) -> None:
    asked = with_absolute_rates(experiment(a=rate), {"a": capacity_per_s, "b": 5000.0})
    assert asked.arms[0].settings.rate == expected


def test_arms_that_differ_in_their_rate_alone_are_tried_once() -> None:
    arms = [*experiment(a="20%", b="40%").arms, Arm(name="c", settings=Settings(rate="20%", transport="uds-tmpfs"))]
    assert [arm.name for arm in saturating_arms(arms).values()] == ["a", "c"]
