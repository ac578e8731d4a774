"""Screens: balanced designs, arms by readable names, settings expected to do nothing, and what is refused."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.experiment.designs import MAX_FACTORS, one_at_a_time, plackett_burman, resolution_iv
from tests.support.experiment_files import arms, names, read, refusal, refusals

SACK, ECN = "knobs.net.ipv4.tcp_sack", "knobs.net.ipv4.tcp_ecn"
FACTORS = f'[factors]\n"{SACK}" = [1, 0]\n"{ECN}" = [2, 0]\n'


def screen(kind: str, factors: str = FACTORS, rest: str = "") -> str:
    return f'{factors}[design]\nscreen = "{kind}"\n{rest}'


@given(st.integers(2, MAX_FACTORS))
def test_every_two_columns_of_plackett_and_burman_are_balanced(factors: int) -> None:
    design = plackett_burman(factors)
    assert len(design) == 4 * (factors // 4 + 1)
    assert np.array_equal(design.T @ design, len(design) * np.eye(factors))
    assert not design.sum(axis=0).any()
    assert (design[0] == -1).all()


@given(st.integers(4, MAX_FACTORS))
def test_at_resolution_iv_no_product_of_two_columns_is_like_a_third(factors: int) -> None:
    design = resolution_iv(factors)
    assert np.array_equal(design.T @ design, len(design) * np.eye(factors))
    assert not any(np.prod(design[:, three], axis=1).sum() for three in combinations(range(factors), 3))
    assert (design[0] == -1).all()


@given(st.lists(st.integers(1, 4), min_size=1, max_size=6))
def test_one_at_a_time_changes_one_level_and_each_once(levels: list[int]) -> None:
    first, *others = one_at_a_time(levels)
    assert not any(first)
    assert all(sum(map(bool, run)) == 1 for run in others)
    assert len(set(others)) == len(others) == sum(levels) - len(levels)


def test_one_at_a_time_is_named_by_what_is_changed_and_compared_with_the_base() -> None:
    experiment = read(screen("one-at-a-time", f"{FACTORS}workers = [1, 2, 4]\n"))
    assert names(experiment) == ["base", "tcp_sack=0", "tcp_ecn=0", "workers=2", "workers=4", "control"]
    assert {against for _, against in experiment.pairs} == {"base"}
    assert arms(experiment)["tcp_sack=0"].settings.knobs == {"net.ipv4.tcp_sack": 0, "net.ipv4.tcp_ecn": 2}


def test_a_compared_factor_is_crossed_with_the_screen() -> None:
    factors = f'{FACTORS}workers = [1, 2]\ntransport = ["tcp", "uds-tmpfs"]\n'
    experiment = read(screen("plackett-burman", factors, 'against = { transport = "tcp" }'))
    runs = [f"run-{number:02}" for number in range(1, 5)]
    assert experiment.pairs == (("control", "run-01/tcp"), *((f"{run}/uds-tmpfs", f"{run}/tcp") for run in runs))
    assert experiment.levels["run-01/tcp"] == {SACK: "1", ECN: "2", "workers": "1", "transport": "tcp"}


def test_a_factorial_screen_has_the_arms_of_the_product() -> None:
    assert names(read(screen("factorial"))) == names(read(FACTORS)) == ["1/2", "1/0", "0/2", "0/0", "control"]


def test_what_touches_tcp_alone_and_what_is_expected_null_is_known_in_full() -> None:
    factors = f'{FACTORS}"knobs.net.core.somaxconn" = [4096, 8]\n'
    experiment = read(screen("one-at-a-time", factors, 'expect_null = ["net.ipv4.tcp_sack", "knobs.net.ipv4.tcp_ecn"]'))
    assert experiment.tcp_only == (SACK, ECN)
    assert experiment.design.expect_null == (SACK, ECN)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (screen("plackett-burman", f"{FACTORS}workers = [1, 2, 4]\n"), "needs two levels of each factor. Keep two"),
        (screen("one-at-a-time", "[factors]\nworkers = [1]\n"), "needs at least two levels, the usual one first."),
        (
            screen("factorial", "[factors]\nworkers = [1, 1]\ntls = [false, true]\n"),
            "the levels of a factor must differ.",
        ),
        (screen("resolution-iv"), "needs at least 4 in [factors]"),
        (screen("factorial", "[arms.a]\n" + FACTORS), "a screen uses only [factors]."),
        (screen("factorial", rest='expect_null = ["net.ipv4.tcp_sak"]'), "Did you mean 'net.ipv4.tcp_sack'?"),
        (screen("plackett"), 'design.screen = "plackett": must be'),
    ],
)
def test_a_screen_that_cannot_be_is_refused(text: str, sentence: str) -> None:
    assert sentence in refusal(text)


def test_all_problems_of_a_screen_are_told_at_once() -> None:
    assert len(refusals(screen("plackett-burman", "[arms.a]\n[factors]\nworkers = [1, 2, 4]\ntls = [true]\n"))) == 3
