"""The plan: what is promised of the order of visits, and one plan in full."""

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise, permutations
from pathlib import Path
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, chisquare

from harness.experiment.plan import orders_of, plan_of
from harness.experiment.read import read_experiment
from harness.experiment.schedule import schedule_of
from harness.experiment.visit_order import SessionOrders, session_orders
from harness.model import Arm, Design, Experiment, Plan, Schedule, Settings

DATA = Path(__file__).parents[2] / "data" / "experiment"
UNIFORM_ORDERS = ((3, 0, 2, 1), (1, 2, 0, 3), (2, 3, 1, 0))  # of 4 arms with seed 1 in session 1
LEAST_P = 0.001  # with fixed seeds: it holds always or never


def experiment_with(arms: int, seed: int = 1, pairs: Iterable[tuple[int, int]] = ()) -> Experiment:
    return Experiment(
        name="trial",
        question="",
        arms=tuple(Arm(name=str(number), settings=Settings()) for number in range(arms)),
        pairs=tuple((str(arm), str(reference)) for arm, reference in pairs),
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


def test_nothing_but_the_seed_and_the_comparisons_decides() -> None:
    experiment = read_experiment(DATA / "product.toml")
    places = {arm.name: place for place, arm in enumerate(experiment.arms)}
    pairs = [(places[arm], places[reference]) for arm, reference in experiment.pairs]
    plain = experiment_with(len(experiment.arms), experiment.design.seed, pairs)
    assert plan_of(experiment, schedule(2, 5)).orders == plan_of(plain, schedule(2, 5)).orders


def test_no_two_sessions_are_alike() -> None:
    found = orders(4, seed=1, sessions=40, rounds=30)
    assert len(set(found)) == 40


LADDER = [(1, 0), (2, 1), (3, 2), (4, 3), (5, 0)]  # (arm, reference)
STAR = [(1, 0), (2, 0), (3, 0), (4, 0), (5, 0)]
TWO_GROUPS = [(1, 0), (2, 1), (4, 3), (5, 4)]
RING = [(1, 0), (2, 1), (0, 2), (4, 3)]


@pytest.mark.parametrize("pairs", [[], LADDER, STAR, TWO_GROUPS, RING])
def test_every_arm_is_equally_often_in_every_position(pairs: list[tuple[int, int]]) -> None:
    for seed in range(3):
        rounds = session_orders(experiment_with(6, seed, pairs), 1, 2000)
        for arm in range(6):
            positions = Counter(order.index(arm) for order in rounds)
            assert chisquare([positions[place] for place in range(6)]).pvalue > LEAST_P


@pytest.mark.parametrize("pairs", [LADDER, STAR, TWO_GROUPS, RING])
def test_each_of_two_compared_arms_is_equally_often_the_first(pairs: list[tuple[int, int]]) -> None:
    rounds = session_orders(experiment_with(6, pairs=pairs), 1, 4000)
    for arm, reference in pairs:
        first = sum(order.index(arm) < order.index(reference) for order in rounds)
        assert binomtest(first, len(rounds)).pvalue > LEAST_P


@pytest.mark.parametrize(("pairs", "most"), [(LADDER, 0.8), (TWO_GROUPS, 0.8), (STAR, 1.02)])
def test_compared_arms_are_visited_near_to_each_other(pairs: list[tuple[int, int]], most: float) -> None:
    """A uniformly random order of 6 arms has a mean distance of 7/3. A reference of all arms cannot be nearer."""
    rounds = session_orders(experiment_with(6, pairs=pairs), 1, 2000)
    distances = [abs(order.index(arm) - order.index(other)) for order in rounds for arm, other in pairs]
    assert fmean(distances) < most * 7 / 3


@given(sizes, seeds, st.data())
def test_every_round_visits_every_arm_whatever_is_compared(arms: int, seed: int, data: st.DataObject) -> None:
    places = st.integers(0, arms - 1)
    pairs = data.draw(st.lists(st.tuples(places, places).filter(lambda pair: pair[0] != pair[1]), max_size=12))
    for order in session_orders(experiment_with(arms, seed, pairs), 1, 20):
        assert sorted(order) == list(range(arms))


def test_a_probe_of_some_arms_visits_those_alone() -> None:
    whole = experiment_with(4, pairs=[(1, 0), (2, 0), (3, 2)])
    probe = whole.model_copy(update={"arms": whole.arms[1:3]})
    assert {tuple(sorted(order)) for order in session_orders(probe, 0, 20)} == {(0, 1)}


def test_a_plan_that_names_no_ordering_keeps_the_uniform_orders_of_its_seed() -> None:
    experiment = experiment_with(4, seed=1, pairs=[(1, 0), (2, 1), (3, 2)])
    older = Plan(experiment=experiment, schedule=schedule(1, 3), orders=())
    assert tuple(orders_of(older, 1)) == UNIFORM_ORDERS


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
