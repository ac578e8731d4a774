"""How many rounds a session makes in its time, on a simulated clock, and what happens between them."""

from collections.abc import Callable
from itertools import count, repeat

import pytest

from harness.load.burst import Burst
from harness.load.visits import Visitor, rounds_in_time, run_visits
from harness.model import Schedule


def schedule(visiting_s: float | None, fewest_rounds: int = 2) -> Schedule:
    return Schedule(
        sessions=1, rounds=5, burst=1, settle=0, reason="", visiting_s=visiting_s, fewest_rounds=fewest_rounds
    )


def clock(round_s: float) -> Callable[[], float]:
    """Tells a time that is later by a round whenever it is looked at, after the first two looks."""
    looks = count(-1)
    return lambda: round_s * max(next(looks), 0)


@pytest.mark.parametrize(
    ("round_s", "visiting_s", "fewest", "rounds"),
    [(1.0, 5.0, 2, 5), (1.0, 5.9, 2, 5), (3.0, 5.0, 2, 2), (30.0, 5.0, 2, 2), (30.0, 5.0, 1, 1), (0.1, 1.05, 2, 10)],
)
def test_a_round_begins_only_where_it_will_end_in_time(
    round_s: float, visiting_s: float, fewest: int, rounds: int
) -> None:
    made = list(rounds_in_time(repeat((0, 1)), schedule(visiting_s, fewest), clock(round_s)))
    assert len(made) == rounds


def test_without_a_limit_every_round_of_the_plan_is_made() -> None:
    assert len(list(rounds_in_time([(0, 1)] * 7, schedule(None), clock(100.0)))) == 7


def test_between_rounds_there_is_time_for_something_else() -> None:
    happened: list[str] = []

    def send(settle: int, timed: int, round_: int = 0) -> Burst:
        happened.append(f"visit of {round_}")
        return Burst((0,), (1,), (1,), {}, sent=settle + timed)

    visitor = Visitor("a", send, dict)
    run_visits([(0, 0), (0, 0)], [visitor], schedule(None), lambda: happened.append("else"))
    assert happened == ["else", "visit of 0", "visit of 0", "else", "visit of 1", "visit of 1"]
