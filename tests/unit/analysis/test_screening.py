"""Screens from known truths: effects are found, false ones are few, and what is mixed is told."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from harness.analysis.contrasts.engine import RunEvidence
from harness.analysis.contrasts.screening import (
    judge_main_effects,
    main_effect_of,
    screen_interactions,
    screen_main_effects,
)
from harness.analysis.statistics.series import SessionData
from harness.analysis.statistics.verdict import benjamini_hochberg
from harness.model import Experiment, MainEffect, Summary
from tests.support.factorial_experiments import factorial
from tests.support.factorial_sessions import sessions_of, summary_of
from tests.support.simulated_sessions import Times

EXPERIMENTS = 200
FACTORS = {f"knobs.net.ipv4.tcp_{letter}": [0, 1] for letter in "abcdefghijk"}
A, B = "knobs.net.ipv4.tcp_a", "knobs.net.ipv4.tcp_b"


def screened(kind: str, factors: int, **design: object) -> Experiment:
    some = dict(list(FACTORS.items())[:factors])
    return factorial(some, against="", design={"screen": kind, **design})


def drawn_sessions(
    experiment: Experiment, truth: Mapping[str, float], rng: np.random.Generator, sessions: int = 8
) -> list[SessionData]:
    """Each factor at its second level multiplies the time as `truth` says."""
    return sessions_of(*(_session(experiment, truth, rng) for _ in range(sessions)))


def drawn(experiment: Experiment, truth: Mapping[str, float], rng: np.random.Generator, sessions: int = 8) -> Summary:
    return summary_of(experiment, drawn_sessions(experiment, truth, rng, sessions))


def _session(experiment: Experiment, truth: Mapping[str, float], rng: np.random.Generator) -> Times:
    means_us = {
        arm: 400 * np.prod([truth.get(key, 1.0) for key, level in of.items() if level == "1"])
        for arm, of in experiment.levels.items()
    }
    return {arm: (mean_us * np.exp(rng.normal(0, 0.01, 3))).tolist() for arm, mean_us in means_us.items()}


def judged_effects(experiment: Experiment, sessions: Sequence[SessionData]) -> list[MainEffect]:
    return [main_effect_of(*effect) for effect in judge_main_effects(RunEvidence(experiment, sessions))]


def called(effects: Sequence[MainEffect]) -> list[str]:
    return [
        effect.factor for effect in effects if effect.metric == "latency" and effect.verdict in ("faster", "slower")
    ]


def test_two_true_effects_are_found_and_false_ones_are_as_few_as_promised() -> None:
    experiment, rng = screened("plackett-burman", 11, equivalence_percent=0.01), np.random.default_rng(1)
    truth = {A: 1.03, B: 0.96}
    found = [called(judged_effects(experiment, drawn_sessions(experiment, truth, rng))) for _ in range(EXPERIMENTS)]
    shares = [len([one for one in names if one not in (A, B)]) / len(names) for names in found]
    assert all({A, B} <= set(names) for names in found)
    assert 0 < np.mean(shares) < 0.05 + 3 * np.std(shares) / np.sqrt(EXPERIMENTS)


def test_an_effect_is_the_true_one() -> None:
    summary = drawn(screened("plackett-burman", 11), {A: 1.03}, np.random.default_rng(2), sessions=12)
    first, second, *_ = summary.main_effects
    assert (first.factor, first.arm, first.against, first.verdict) == (A, "tcp_a=1", "tcp_a=0", "slower")
    assert first.percent_low is not None
    assert first.percent_high is not None
    assert first.percent_low < 3 < first.percent_high
    assert second.verdict == "equivalent"
    assert (first.mixed_with, first.partly_mixed_with) == ((), 45)


def test_a_whole_factorial_tells_what_two_do_to_each_other() -> None:
    experiment = screened("factorial", 2)
    times_us = {"0/0": 100, "0/1": 110, "1/0": 120, "1/1": 150}
    truth = [{arm: [scale * time_us] * 2 for arm, time_us in times_us.items()} for scale in (1.0, 1.1, 0.9)]
    [both, *_] = summary_of(experiment, sessions_of(*truth)).factor_interactions
    assert both.percent == pytest.approx(100 * (150 / 110 / (120 / 100) - 1))
    assert (both.factor, both.other, both.verdict) == (A, B, "differ")


@pytest.mark.parametrize(("kind", "factors", "pairs"), [("plackett-burman", 3, 0), ("plackett-burman", 11, 0),
    ("factorial", 3, 3), ("resolution-iv", 4, 3), ("resolution-iv", 11, 0)])  # fmt: skip
def test_only_what_the_design_resolves_is_told(kind: str, factors: int, pairs: int) -> None:
    assert len(screen_interactions(screened(kind, factors))) == pairs


def test_what_cannot_be_told_apart_is_named() -> None:
    assert screen_main_effects(screened("plackett-burman", 3))[0].mixed_with == ("tcp_b x tcp_c",)
    assert screen_interactions(screened("resolution-iv", 4))[0].mixed_with == ("tcp_c x tcp_d",)
    assert not any(
        one.mixed_with or one.partly_mixed_with for one in screen_main_effects(screened("resolution-iv", 11))
    )


def test_where_a_factor_is_compared_each_effect_is_told_at_each_of_its_levels() -> None:
    factors: dict[str, Sequence[object]] = {**dict(list(FACTORS.items())[:3]), "transport": ["tcp", "uds-tmpfs"]}
    experiment = factorial(factors, design={"screen": "plackett-burman", "against": {"transport": "tcp"}})
    places = [(one.change.factor, one.where["transport"]) for one in screen_main_effects(experiment)]
    assert places == [(factor, transport) for transport in ("tcp", "uds-tmpfs") for factor in list(FACTORS)[:3]]
    assert [(one.change.factor, one.other.factor) for one in screen_interactions(experiment)] == [
        (factor, "transport") for factor in list(FACTORS)[:3]
    ]


@pytest.mark.parametrize("kind", ["one-at-a-time", "plackett-burman"])
def test_what_should_do_nothing_and_does_is_a_doubt(kind: str) -> None:
    experiment = screened(kind, 3, expect_null=["net.ipv4.tcp_a"])
    moved, still = (drawn(experiment, {key: 1.2}, np.random.default_rng(3)) for key in (A, B))
    assert [doubt.kind for doubt in moved.doubts] == ["null-moved"]
    assert "was declared to have no effect" in moved.doubts[0].seen
    assert not still.doubts


@pytest.mark.parametrize(("chain", "doubts"), [("app-direct", 1), ("full", 0)])
def test_a_knob_of_tcp_that_moves_what_has_no_tcp_is_a_doubt(chain: str, doubts: int) -> None:
    arm = {"transport": "uds-tmpfs", "chain": chain}
    experiment = factorial({A: [0, 1]}, against="", arm=arm, design={"screen": "one-at-a-time"})
    assert len(drawn(experiment, {A: 1.2}, np.random.default_rng(4)).doubts) == doubts


def test_benjamini_and_hochberg_as_they_print_it() -> None:
    """Their table of 15 p values (1995, section 3.2): at 5 % the first four are rejected."""
    ps: Sequence[float] = (0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459,
        0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0)  # fmt: skip
    assert sum(p <= 0.05 for p in benjamini_hochberg(ps)) == 4
    assert benjamini_hochberg([]) == []
