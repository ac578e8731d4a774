"""Effects with their intervals: differences, levels, interactions, ladder steps."""

from typing import Literal

from pydantic import Field

from harness.model.base import JsonModel, Verdict
from harness.model.explanation import Interval
from harness.model.metrics import MetricName

Agreement = Literal["agree", "differ", "undecided"]
SignAgreement = Literal["same", "opposite", "undecided"]
Additivity = Literal["additive", "more", "less", "undecided"]


class ComparedArms(JsonModel):
    """The subject of an effect: `arm` relative to `against`, in `metric`."""

    arm: str
    against: str
    metric: MetricName


class Size(JsonModel):
    """The size of a difference in time: negative is faster. None: no number is available."""

    percent: float | None = None
    percent_low: float | None = None
    percent_high: float | None = None
    us: float | None = None
    us_low: float | None = None
    us_high: float | None = None

    @property
    def in_percent(self) -> Interval | None:
        """The difference in percent with its interval; None if it was not measured."""
        return _interval(self.percent, self.percent_low, self.percent_high)

    @property
    def in_us(self) -> Interval | None:
        """The difference in microseconds with its interval; None if it was not measured."""
        return _interval(self.us, self.us_low, self.us_high)


def _interval(value: float | None, low: float | None, high: float | None) -> Interval | None:
    return None if value is None else Interval(value=value, low=low, high=high)


class EffectNumbers(Size):
    """The numbers of an effect, and why they have no verdict."""

    confidence: float = 0.95  # of the interval: above 0.95 if the run could have stopped earlier
    p: float | None = None
    p_adjusted: float | None = None
    margin_percent: float | None = None  # of equivalence
    why: str = ""
    sessions_to_decide: int | None = None


class Judgement(EffectNumbers):
    """The numbers of an effect with the verdict on them."""

    verdict: Verdict | None


class ArmEffect(EffectNumbers, ComparedArms):
    """The effect of an arm relative to `against`."""


class Effect(JsonModel):
    """The effect of a contrast, whatever its kind: an entry of `effects`, the same shape for all of them.

    `label` names it in words, `arms` are its weights. `percent` is the ratio, `us` the difference, at `confidence`;
    None: not measured, or without a ratio. `verdict` is in the words of its kind; None: `why`.
    """

    kind: str  # "pair", "interaction", "ladder step", ...
    label: str
    metric: str
    arms: dict[str, float]
    percent: Interval | None = None
    us: Interval | None = None
    confidence: float = 0.95
    sessions: int = 0
    p: float | None = None
    p_adjusted: float | None = None
    family: str = ""  # the effects that share a correction; "" is judged alone
    margin_percent: float | None = None
    verdict: str | None = None
    why: str = ""
    sessions_to_decide: int | None = None


class JudgedEffect(ArmEffect):
    """The effect of an arm with its verdict."""

    verdict: Verdict | None


class FactorEffect(ArmEffect):
    """An effect of `factor` at `at` against `base`; `where` has the levels of the other factors."""

    factor: str
    at: str
    base: str
    where: dict[str, str] = Field(default_factory=dict)


class CrossedEffect(FactorEffect):
    """An effect of two factors: `compared`, a setting like "transport", has `level`, and another factor varies."""

    compared: str
    level: str


class Interaction(CrossedEffect):
    """The interaction of the compared factor with `factor`.

    It is the effect of `arm` against `against`, with `factor` at `at`, relative to that of `base_arm` against
    `base_against`, with it at `base`: a ratio of ratios in percent, and a difference of differences in us. Negative:
    the arm gains more, or loses less, at `at`. The arms have `level`, the others `reference`.
    """

    base_arm: str
    base_against: str
    reference: str
    verdict: Agreement | None


class LevelEffect(CrossedEffect, JudgedEffect):
    """The effect of `factor` at `at` against `base`, with the compared factor at `level`, all else alike."""


class JointEffect(CrossedEffect, JudgedEffect):
    """The effect of changing two factors at once: the compared one to `level`, the other to `at`.

    `compared_alone` is the arm that differs from `against` only in the compared factor, `factor_alone` the one that
    differs only in the other.
    """

    compared_alone: str
    factor_alone: str
    reference: str


class MainEffect(FactorEffect, JudgedEffect):
    """The effect of `factor` at `at` against `base`, averaged over the arms of a screen with the levels in `where`.

    `arm` and `against` name the two levels: "tcp_sack=0", "tcp_sack=1". `mixed_with` are the interactions that are
    confounded with it in this design, `partly_mixed_with` the number of partly confounded ones.
    """

    mixed_with: tuple[str, ...] = ()
    partly_mixed_with: int = 0


class FactorInteraction(ArmEffect):
    """The effect of `factor` with `other` at `other_at`, relative to that at `other_base`, averaged over a screen."""

    factor: str
    at: str
    base: str
    other: str
    other_at: str
    other_base: str
    mixed_with: tuple[str, ...] = ()
    verdict: Agreement | None


class ToolAgreement(JsonModel):
    """Whether a load tool finds an effect of the same sign as `reference`; if not, `why` has the known reasons."""

    tool: str
    reference: str
    arm: str
    against: str
    verdict: SignAgreement
    why: tuple[str, ...] = ()


class TailEffect(JudgedEffect):
    """The effect on a percentile, compared within each session or, if `pooled`, over all sessions together."""

    percentile: float
    pooled: bool = False


class RungEffect(JudgedEffect):
    """A higher arm relative to a lower one; `rungs` are those that only the higher one has."""

    rungs: tuple[str, ...]


class LadderStep(RungEffect):
    """One rung relative to the one below.

    `backing` has the differences per request in CPU time, segments, switches, ...
    """

    kind: Literal["network", "sandbox"]
    backing: dict[str, Interval] = Field(default_factory=dict)


class NonAdditivity(ArmEffect):
    """The effect of all rungs at once beyond the sum of their steps: a ratio of ratios in percent, and us."""

    verdict: Additivity | None


class CombinedRungs(JsonModel):
    """An arm with several rungs at once against the bottom, and the sum of the steps to each of them.

    `parts` are the arms of those steps; without a sum, `missing` names the rungs that no arm has by itself.
    """

    measured: RungEffect
    parts: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    sum: RungEffect | None = None
    beyond: NonAdditivity | None = None


class Ladder(JsonModel):
    """The rungs over one transport, from the bottom up; `where` has the other settings in which ladders differ.

    `top` is the highest network rung against the bottom, if there are several steps.
    """

    transport: str
    where: dict[str, str] = Field(default_factory=dict)
    bottom: str
    steps: tuple[LadderStep, ...]
    top: RungEffect | None = None
    together: tuple[CombinedRungs, ...] = ()
