"""What a factorial experiment says beyond its comparisons: do effects depend on each other, and what does each do."""

from typing import Literal

from pydantic import Field

from harness.model.difference import Difference
from harness.model.words import Model, Verdict

Agreement = Literal["agree", "differ", "undecided"]
SameSign = Literal["same", "opposite", "undecided"]


class Interaction(Difference):
    """How much the effect of the compared factor (arm against `against`, both where `factor` is `at`) differs from its
    effect where `factor` is `base` (`base_arm` against `base_against`): the ratio of the two ratios, in percent, and
    the difference of the two differences, in us; negative where the arm gains more, or loses less, at `at`. `where`
    are the levels of all factors beside these two.
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
    """What `factor` does by itself: at `at` against `base`, all else alike, the compared factor at `level`."""

    compared: str
    level: str
    factor: str
    at: str
    base: str
    where: dict[str, str] = Field(default_factory=dict)
    verdict: Verdict | None


class BothAtOnce(Difference):
    """Two factors changed at once: `arm` has the compared one at `level` and the other at `at`, `against` neither.

    `compared_alone` is the arm that differs from `against` in the compared factor only, `factor_alone` the one that
    differs in the other only.
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
    """What `factor` does at `at` against `base`, on average over the runs of a screen where the compared factor is as
    `where` says. `arm` and `against` are these two levels in short, "tcp_sack=0" and "tcp_sack=1".

    `mixed_with` are effects of two factors that this design cannot tell from it, `partly_mixed_with` the number of
    those of which it contains a part.
    """

    factor: str
    at: str
    base: str
    where: dict[str, str] = Field(default_factory=dict)
    mixed_with: tuple[str, ...] = ()
    partly_mixed_with: int = 0
    verdict: Verdict | None


class FactorInteraction(Difference):
    """How much the effect of `factor` (`at` against `base`) differs where `other` is at `other_at`, from that where it
    is at `other_base`, on average over the runs of a screen; as `Interaction` counts it.
    """

    factor: str
    at: str
    base: str
    other: str
    other_at: str
    other_base: str
    mixed_with: tuple[str, ...] = ()
    verdict: Agreement | None


class ToolSign(Model):
    """Whether a load tool sees an effect of the same sign as `reference` does; otherwise `why`, as far as data say."""

    tool: str
    reference: str
    arm: str
    against: str
    verdict: SameSign
    why: tuple[str, ...] = ()


class Tail(Difference):
    """The difference of a percentile, each session's against its own."""

    percentile: float
    verdict: Verdict | None
