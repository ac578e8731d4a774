"""The effects of designs with several factors: interactions, level effects, main effects; and tails."""

from typing import Literal

from pydantic import Field

from harness.model.difference import Difference
from harness.model.words import Model, Verdict

Agreement = Literal["agree", "differ", "undecided"]
SameSign = Literal["same", "opposite", "undecided"]


class Interaction(Difference):
    """The interaction of the compared factor with `factor`.

    It is the effect of `arm` against `against`, with `factor` at `at`, relative to that of `base_arm` against
    `base_against`, with it at `base`: a ratio of ratios in percent, and a difference of differences in us. Negative:
    the arm gains more, or loses less, at `at`. `where` has the levels of the other factors.
    """

    base_arm: str
    base_against: str
    compared: str  # a setting: "transport"
    level: str  # of the compared factor: what arm and base_arm have, "uds-tmpfs"
    reference: str  # and what the others have, "tcp"
    factor: str  # another setting: "tool"
    at: str
    base: str
    where: dict[str, str] = Field(default_factory=dict)
    verdict: Agreement | None


class LevelEffect(Difference):
    """The effect of `factor` at `at` against `base`, with the compared factor at `level`, all else alike."""

    compared: str
    level: str
    factor: str
    at: str
    base: str
    where: dict[str, str] = Field(default_factory=dict)
    verdict: Verdict | None


class BothAtOnce(Difference):
    """The effect of changing two factors at once: the compared one to `level`, the other to `at`.

    `compared_alone` is the arm that differs from `against` only in the compared factor, `factor_alone` the one that
    differs only in the other.
    """

    compared_alone: str
    factor_alone: str
    compared: str
    level: str
    reference: str
    factor: str
    at: str
    base: str
    where: dict[str, str] = Field(default_factory=dict)
    verdict: Verdict | None


class MainEffect(Difference):
    """The effect of `factor` at `at` against `base`, averaged over the arms of a screen with the levels in `where`.

    `arm` and `against` name the two levels: "tcp_sack=0", "tcp_sack=1". `mixed_with` are the interactions that are
    confounded with it in this design, `partly_mixed_with` the number of partly confounded ones.
    """

    factor: str
    at: str
    base: str
    where: dict[str, str] = Field(default_factory=dict)
    mixed_with: tuple[str, ...] = ()
    partly_mixed_with: int = 0
    verdict: Verdict | None


class FactorInteraction(Difference):
    """The effect of `factor` with `other` at `other_at`, relative to that at `other_base`, averaged over a screen."""

    factor: str
    at: str
    base: str
    other: str
    other_at: str
    other_base: str
    mixed_with: tuple[str, ...] = ()
    verdict: Agreement | None


class ToolSign(Model):
    """Whether a load tool finds an effect of the same sign as `reference`; if not, `why` has the known reasons."""

    tool: str
    reference: str
    arm: str
    against: str
    verdict: SameSign
    why: tuple[str, ...] = ()


class Tail(Difference):
    """The effect on a percentile, compared within each session."""

    percentile: float
    verdict: Verdict | None
