"""Finds effects that depend on the machine's state: they differ between the slow and the fast sessions of a run.

Noise of a single arm must not look like a state. So the level of a session is the mean of all arms: if their noise is
alike, a contrast, whose weights sum to 0, does not correlate with that mean. And most arms must be slower, not the mean
alone.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis.contrasts.engine import JudgedContrast, RunEvidence, RunSeries, WeightedSum
from harness.analysis.statistics.intervals import Estimate, difference_of_estimates, estimate_mean, to_percent
from harness.analysis.statistics.series import Series
from harness.analysis.statistics.verdict import holm
from harness.model import MACHINE_STATE, METRICS, Doubt

LEAST_SESSIONS = 3  # in either state
LEAST_SLOWDOWN = math.log(1.05)
# Simulated in tests/unit/analysis/test_machine_states.py for effects that do not depend on the state: with this p at
# most 1 % of runs have a false alarm, also where 3 slow sessions are much noisier than the others.
MOST_P = 0.001
MOST_NAMED = 3  # effects that the doubt names
ADVICE = (
    "Repeat the run on a machine that stays in one state: nothing else running, a fixed CPU frequency, no other "
    "guests. Until then use the effects of the two states, not their average: it holds only for this mixture."
)


@dataclass(frozen=True, slots=True)
class MachineStates:
    """The numbers of the fast and of the slow sessions, and the log ratio of the time of a request in them."""

    fast: tuple[int, ...]
    slow: tuple[int, ...]
    slowdown: float


@dataclass(frozen=True, slots=True)
class StateEffect:
    """An effect in the fast and in the slow sessions."""

    label: str
    fast: Estimate
    slow: Estimate

    @property
    def difference(self) -> Estimate:
        """Return the effect in slow sessions less that in fast ones."""
        return difference_of_estimates(self.fast, self.slow)


def state_doubts(evidence: RunEvidence, effects: Sequence[JudgedContrast]) -> Iterator[Doubt]:
    """Yield a doubt if any of the `effects`, all in one metric, depends on the machine's state."""
    arms, design = [arm.name for arm in evidence.experiment.arms], evidence.experiment.design
    effects = [effect for effect in effects if effect.judgement.verdict and effect.judgement.percent is not None]
    if not effects:
        return
    states = machine_states(evidence.series, arms, effects[0].contrast.metric)
    dependent = states and dependent_effects(states, effects, design.equivalence_percent)
    if states and dependent:
        yield Doubt(kind=MACHINE_STATE, seen=_describe(states, dependent), advice=ADVICE)


def machine_states(series: RunSeries, arms: Sequence[str], metric: str) -> MachineStates | None:
    """Return the two groups of sessions whose levels differ most; None if they hardly differ, or are too few."""
    by_arm = [series.term_values(WeightedSum(METRICS[metric], {arm: 1.0})) for arm in arms]
    by_arm = [values for values in by_arm if values]
    numbers = [number for number in by_arm[0] if all(number in values for values in by_arm)] if by_arm else []
    if len(numbers) < 2 * LEAST_SESSIONS:
        return None
    logs = np.array([[values[number][0] for number in numbers] for values in by_arm])
    levels = logs.mean(axis=0)
    order = np.argsort(levels, kind="stable")
    fast, slow = np.split(order, [_split_place(levels[order])])
    of_arms = np.median(logs[:, slow], axis=1) - np.median(logs[:, fast], axis=1)
    slowdown = float(np.median(of_arms))
    if slowdown < LEAST_SLOWDOWN:
        return None
    fast_sessions, slow_sessions = (tuple(sorted(numbers[place] for place in places)) for places in (fast, slow))
    return MachineStates(fast_sessions, slow_sessions, slowdown)


def _split_place(ascending: Series) -> int:
    """Return the size of the lower group where the groups' means differ most, for their sizes (Fisher 1958)."""
    sizes = np.arange(LEAST_SESSIONS, ascending.size - LEAST_SESSIONS + 1)
    sums = ascending.cumsum()
    others = ascending.size - sizes
    distances = (sums[-1] - sums[sizes - 1]) / others - sums[sizes - 1] / sizes
    return int(sizes[np.argmax(sizes * others * distances**2)])


def dependent_effects(
    states: MachineStates, effects: Sequence[JudgedContrast], least_percent: float
) -> list[StateEffect]:
    """Return the effects that differ between the states beyond chance and by `least_percent`, the largest first.

    The tests are Welch's, and share Holm's correction.
    """
    tested = list(filter(None, (_state_effect(states, effect) for effect in effects)))
    ps = holm([effect.difference.p for effect in tested])
    dependent = [
        effect
        for effect, p in zip(tested, ps, strict=True)
        if p <= MOST_P and abs(effect.difference.mean) >= math.log1p(least_percent / 100)
    ]
    return sorted(dependent, key=lambda effect: -abs(effect.difference.mean))


def _state_effect(states: MachineStates, effect: JudgedContrast) -> StateEffect | None:
    """Return the effect in both states; None if too few sessions have it."""
    values = dict(zip(effect.values.sessions, effect.values.log_ratio, strict=True))
    groups = [[values[number] for number in state if number in values] for state in (states.fast, states.slow)]
    if min(map(len, groups)) < LEAST_SESSIONS:
        return None
    label = effect.contrast.label or f"{effect.contrast.arm} against {effect.contrast.against}"
    return StateEffect(label, *(estimate_mean(np.array(group)) for group in groups))


def _describe(states: MachineStates, dependent: Sequence[StateEffect]) -> str:
    """Return what was seen, with the effects in both states."""
    slow, fast = len(states.slow), len(states.fast)
    named = "; ".join(
        f"{effect.label} {_percent(effect.slow)} in those {slow}, {_percent(effect.fast)} in the other {fast}"
        for effect in dependent[:MOST_NAMED]
    )
    more = len(dependent) - MOST_NAMED
    effects = "An effect depends" if len(dependent) == 1 else f"{len(dependent)} effects depend"
    return (
        f"{effects} on the machine's state. In {slow} of {slow + fast} sessions the machine was "
        f"{to_percent(states.slowdown):.0f} % slower: {named}{f'; {more} more' if more > 0 else ''}."
    )


def _percent(estimate: Estimate) -> str:
    low, high = map(to_percent, estimate.interval(0.95))
    return f"{to_percent(estimate.mean):+.1f} % (95 % interval {low:+.1f} to {high:+.1f})"
