"""Every kind of contrast goes through one engine: its intervals cover the truth, its families raise no more alarms."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from harness.analysis.between_runs.changes import change_estimate
from harness.analysis.contrasts.engine import RunSeries, WeightedSum, estimate_effect, pair_terms, session_values
from harness.analysis.statistics.group_sequential import single_look_error_rate
from harness.analysis.statistics.intervals import EffectEstimate, Estimate
from harness.analysis.statistics.verdict import (
    Correction,
    benjamini_hochberg,
    holm,
    judge_family,
)
from harness.model import METRICS
from harness.model.metrics import Quantity
from tests.support.simulated_sessions import Floats, World

EXPERIMENTS = 1000
CHANCE = 3 * math.sqrt(0.05 * 0.95 / EXPERIMENTS)  # how far a true rate of 5 % strays
NEGLIGIBLE = 1e-9  # a margin so narrow that no equivalence hides a false alarm
WORLD = World(sessions=8, rounds=16)
LATENCY, CPU, COUNT = METRICS["latency"], METRICS["cpu"], Quantity("count", lambda _: None, "mean")
Terms = Sequence[WeightedSum]


def pair(arm: str, against: str, factor: float = 1.0) -> Terms:
    return pair_terms((arm, against), "latency", factor)


@dataclass(frozen=True)
class Kind:
    """A kind of contrast: the truth about its arms a, b, c, ... as factors, its terms, and what they amount to."""

    factors: Sequence[float]
    terms: Terms
    ratio: float
    worlds: tuple[World, ...] = field(default=(WORLD,))


KINDS: Mapping[str, Kind] = {
    "pair": Kind([1, 0.9], pair("b", "a"), 0.9),
    "cpu time": Kind([1, 0.9], [WeightedSum(CPU, {"b": 1, "a": -1})], 0.9),
    "interaction": Kind([1, 0.9, 1.3, 1.3 * 0.95], [*pair("d", "c"), *pair("b", "a", -1)], 0.95 / 0.9),
    "both at once": Kind([1, 0.9, 1.3, 1.2], pair("d", "a"), 1.2),
    "main effect": Kind([1, 0.9, 1.3, 1.17], [WeightedSum(LATENCY, {"a": -0.5, "b": 0.5, "c": -0.5, "d": 0.5})], 0.9),
    "factor interaction": Kind([1, 0.9, 1.3, 1.3], [WeightedSum(LATENCY, {"a": 1, "b": -1, "c": -1, "d": 1})], 1 / 0.9),
    "sum of steps": Kind([1, 1.1, 1.2], [*pair("b", "a"), *pair("c", "b")], 1.2),
    "beyond the sum": Kind([1, 1.1, 1.2, 1.4], [*pair("d", "a"), *pair("b", "a", -1), *pair("c", "b", -1)], 1.4 / 1.2),
    "change between runs": Kind([1, 0.9], pair("b", "a"), 1.0, (WORLD, World(sessions=12, rounds=16, session_sd=0.02))),
}


def series_of(experiment: Floats) -> RunSeries:
    """The values of a run from times of (sessions, rounds, arms), the same for each quantity."""
    sessions = {n: dict(zip("abcdefgh", session.T, strict=False)) for n, session in enumerate(experiment)}
    return RunSeries([], dict.fromkeys(["latency", "cpu", "count"], sessions))


def estimates(kind: Kind, seed: int) -> list[EffectEstimate]:
    rng = np.random.default_rng(seed)
    worlds = [world.times_us(rng, EXPERIMENTS, factors=kind.factors) for world in kind.worlds]
    values = [[session_values(series_of(experiment), kind.terms) for experiment in world] for world in worlds]
    found = map(estimate_effect, values[0]) if len(worlds) == 1 else map(change_estimate, *values)
    return [estimate for estimate in found if estimate]


def covered(found: Sequence[Estimate], truth: float) -> float:
    intervals = [estimate.interval(0.95) for estimate in found]
    return float(np.mean([low <= truth <= high for low, high in intervals]))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_the_95_percent_interval_covers_the_truth_in_93_to_97_percent(kind: Kind) -> None:
    found = estimates(kind, seed=1)

    assert len(found) == EXPERIMENTS
    assert 0.93 <= covered([estimate.deciding for estimate in found], math.log(kind.ratio)) <= 0.97


PARTS: Mapping[str, tuple[Terms, float]] = {
    "difference of a counter": ([WeightedSum(COUNT, {"b": 1, "a": -1})], 1.0),
    "level of an arm": ([WeightedSum(COUNT, {"c": 1})], 6.0),
    "rest of a waterfall": ([WeightedSum(COUNT, {"c": 1, "b": -1, "a": -1})], -1.0),
}


@pytest.mark.parametrize(("terms", "truth"), PARTS.values(), ids=PARTS.keys())
def test_a_quantity_without_a_ratio_is_covered_and_judged_by_its_difference(terms: Terms, truth: float) -> None:
    counts = np.random.default_rng(2).poisson([3.0, 4.0, 6.0], (EXPERIMENTS, 8, 16, 3)).astype(float)
    found = [estimate_effect(session_values(series_of(run), terms)) for run in counts]
    judgements = judge_family(
        found[:50], 1.0, single_look_error_rate, excuses=[""] * 50, alone=[True] * 50, correction=holm
    )

    assert 0.93 <= covered([estimate.difference_us for estimate in found if estimate], truth) <= 0.97
    assert {judgement.verdict for judgement in judgements} <= {"slower" if truth > 0 else "faster", "undecided"}
    assert {(judgement.percent, judgement.margin_percent) for judgement in judgements} == {(None, None)}


def test_the_interval_of_a_percentile_covers_the_truth() -> None:
    rng = np.random.default_rng(3)
    times_us = np.exp(rng.normal(0, 0.05, (EXPERIMENTS, 8, 2, 1))) * (1 + rng.gamma(1, 0.3, (EXPERIMENTS, 8, 2, 400)))
    p99_us = np.percentile(times_us, 99, axis=-1)[:, :, None, :] * [1, 1.2]
    found = [estimate_effect(session_values(series_of(run), pair("b", "a"))) for run in p99_us]

    assert 0.93 <= covered([estimate.deciding for estimate in found if estimate], math.log(1.2)) <= 0.97


FAMILIES: Mapping[str, tuple[Sequence[Terms], int]] = {
    "pairs": ([pair("b", "a"), pair("c", "a"), pair("d", "a")], 4),
    "interactions": ([[*pair("d", "c"), *pair("b", "a", -1)], [*pair("f", "e"), *pair("b", "a", -1)]], 6),
    "what goes beyond sums": (
        [
            [*pair("d", "a"), *pair("b", "a", -1), *pair("c", "b", -1)],
            [*pair("e", "a"), *pair("b", "a", -1), *pair("c", "b", -1)],
        ],
        5,
    ),
}


def alarms(members: Sequence[EffectEstimate | None], correction: Correction) -> int:
    judgements = judge_family(
        members,
        NEGLIGIBLE,
        single_look_error_rate,
        excuses=[""] * len(members),
        alone=[False] * len(members),
        correction=correction,
    )
    return sum(judgement.verdict in ("faster", "slower") for judgement in judgements)


@pytest.mark.parametrize(("family", "arms"), FAMILIES.values(), ids=FAMILIES.keys())
def test_a_family_of_nothing_alarms_in_5_percent_of_experiments_at_most(family: Sequence[Terms], arms: int) -> None:
    """Where nothing differs every discovery is false, so this is also the share of false discoveries."""
    runs = WORLD.times_us(np.random.default_rng(4), EXPERIMENTS, factors=[1.0] * arms)
    found = [[estimate_effect(session_values(series, terms)) for terms in family] for series in map(series_of, runs)]

    for correction in (holm, benjamini_hochberg):
        assert 0.01 < np.mean([alarms(members, correction) > 0 for members in found]) <= 0.05 + CHANCE


@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if len(kind.worlds) == 1])
def test_swapped_labels_flip_the_sign_and_nothing_else(kind: Kind) -> None:
    (run,) = WORLD.times_us(np.random.default_rng(5), 1, factors=kind.factors)
    swapped = [WeightedSum(term.quantity, term.weights, -term.factor) for term in kind.terms]

    there, back = (estimate_effect(session_values(series_of(run), terms)) for terms in (kind.terms, swapped))

    assert there is not None
    assert back is not None
    assert (back.deciding.mean, back.deciding.sd) == (-there.deciding.mean, there.deciding.sd)
    assert (back.difference_us.mean, back.difference_us.p) == (-there.difference_us.mean, there.difference_us.p)
