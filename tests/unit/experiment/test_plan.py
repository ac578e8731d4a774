"""The plan: what is promised of the order of visits, and one plan in full."""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise, permutations
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from harness.experiment.plan import SessionOrders, plan_of, session_orders
from harness.experiment.read import read_experiment
from harness.experiment.schedule import schedule_of
from harness.model import Arm, Design, Experiment, Plan, Schedule, Settings

DATA = Path(__file__).parents[2] / "data" / "experiment"
LEAST_P = 0.001  # with fixed seeds: it holds always or never


def experiment_with(arms: int, seed: int = 1) -> Experiment:
    return Experiment(
        name="trial",
        question="",
        arms=tuple(Arm(name=str(number), settings=Settings()) for number in range(arms)),
        pairs=(),
        design=Design(seed=seed),
    )


def schedule(sessions: int, rounds: int) -> Schedule:
    return Schedule(sessions=sessions, rounds=rounds, burst=8, settle=2, reason="")


def orders(arms: int, seed: int, sessions: int, rounds: int) -> tuple[SessionOrders, ...]:
    return plan_of(experiment_with(arms, seed), schedule(sessions, rounds)).orders


seeds = st.integers(-(2**70), 2**70)
sizes = st.integers(1, 7)


def test_the_plan_of_a_fixed_file_stays_what_it_is(golden: Callable[[Path, str], None]) -> None:
    """Whoever changes how orders are drawn makes every published plan a different one."""
    experiment = read_experiment(DATA / "product.toml")
    plan = plan_of(experiment, schedule_of(experiment, None), ["design.seed=7"])
    golden(DATA / "product.plan.json", plan.model_dump_json(indent=1) + "\n")


def test_a_plan_comes_back_from_its_file() -> None:
    experiment = read_experiment(DATA / "product.toml")
    plan = plan_of(experiment, schedule(sessions=3, rounds=5))
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


@given(sizes, seeds, sizes, sizes)
def test_every_round_of_every_session_visits_every_arm_once(arms: int, seed: int, sessions: int, rounds: int) -> None:
    found = orders(arms, seed, sessions, rounds)
    assert len(found) == sessions
    for session in found:
        assert [sorted(order) for order in session] == [list(range(arms))] * rounds


@given(sizes, seeds)
def test_the_same_seed_gives_the_same_plan(arms: int, seed: int) -> None:
    assert orders(arms, seed, sessions=3, rounds=4) == orders(arms, seed, sessions=3, rounds=4)


@given(seeds, seeds)
def test_another_seed_gives_another_plan(seed: int, other: int) -> None:
    """Two plans of 60 rounds and 4 arms are the same by chance once in 24^60."""
    same = orders(4, seed, sessions=2, rounds=30) == orders(4, other, sessions=2, rounds=30)
    assert same == (seed == other)


@given(sizes, seeds, st.integers(1, 5), st.integers(6, 9))
def test_the_orders_of_a_session_do_not_depend_on_how_many_sessions_there_are(
    arms: int, seed: int, few: int, many: int
) -> None:
    assert orders(arms, seed, few, rounds=3) == orders(arms, seed, many, rounds=3)[:few]


@given(sizes, seeds, st.integers(1, 5), st.integers(6, 9))
def test_more_rounds_come_after_those_there_are(arms: int, seed: int, few: int, many: int) -> None:
    experiment = experiment_with(arms, seed)
    assert session_orders(experiment, 3, few) == session_orders(experiment, 3, many)[:few]


def test_nothing_but_the_seed_and_the_number_of_arms_decides() -> None:
    experiment = read_experiment(DATA / "product.toml")
    plain = experiment_with(len(experiment.arms), seed=experiment.design.seed)
    assert plan_of(experiment, schedule(2, 5)).orders == plan_of(plain, schedule(2, 5)).orders


def test_no_two_sessions_are_alike() -> None:
    found = orders(4, seed=1, sessions=40, rounds=30)
    assert len(set(found)) == 40


def test_every_arm_is_equally_often_in_every_position() -> None:
    for seed in range(5):
        rounds = [order for session in orders(5, seed, sessions=20, rounds=100) for order in session]
        for arm in range(5):
            positions = Counter(order.index(arm) for order in rounds)
            assert chisquare([positions[place] for place in range(5)]).pvalue > LEAST_P


def test_every_order_is_equally_frequent() -> None:
    found = Counter(order for session in orders(4, seed=1, sessions=24, rounds=100) for order in session)
    assert chisquare([found[order] for order in permutations(range(4))]).pvalue > LEAST_P


def test_a_round_does_not_tell_the_next_one() -> None:
    """Who is last in a round and who is first in the next are independent, also from one session to the next."""
    found = orders(3, seed=1, sessions=300, rounds=12)
    within = [(before[-1], after[0]) for session in found for before, after in pairwise(session)]
    across = [(before[0][0], after[0][0]) for before, after in pairwise(found)]
    for pairs in (within, across):
        counts = Counter(pairs)
        assert chisquare([counts[first, second] for first in range(3) for second in range(3)]).pvalue > LEAST_P
