"""The effects of a ladder: each rung relative to the one below, and whether the rungs add up."""

from typing import Literal

from pydantic import Field

from harness.model.difference import Difference
from harness.model.why import Amount
from harness.model.words import Model, Verdict

Additivity = Literal["additive", "more", "less", "undecided"]


class Climb(Difference):
    """A higher arm relative to a lower one; `rungs` are those that only the higher one has."""

    rungs: tuple[str, ...]
    verdict: Verdict | None


class LadderStep(Climb):
    """One rung relative to the one below.

    `backing` has the differences per request in CPU time, segments, switches, ...
    """

    kind: Literal["network", "sandbox"]
    backing: dict[str, Amount] = Field(default_factory=dict)


class Beyond(Difference):
    """The effect of all rungs at once beyond the sum of their steps: a ratio of ratios in percent, and us."""

    verdict: Additivity | None


class Together(Model):
    """An arm with several rungs at once against the bottom, and the sum of the steps to each of them.

    `parts` are the arms of those steps; without a sum, `missing` names the rungs that no arm has by itself.
    """

    measured: Climb
    parts: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    sum: Climb | None = None
    beyond: Beyond | None = None


class Ladder(Model):
    """The rungs over one transport, from the bottom up; `where` has the other settings in which ladders differ.

    `top` is the highest network rung against the bottom, if there are several steps.
    """

    transport: str
    where: dict[str, str] = Field(default_factory=dict)
    bottom: str
    steps: tuple[LadderStep, ...]
    top: Climb | None = None
    together: tuple[Together, ...] = ()
