"""What the ladder shows: what each rung adds to the one below, and whether the rungs add up to all of them together."""

from typing import Literal

from pydantic import Field

from harness.model.difference import Difference
from harness.model.why import Amount
from harness.model.words import Model, Verdict

Additivity = Literal["additive", "more", "less", "undecided"]


class Climb(Difference):
    """A higher arm relative to a lower one; `rungs` are what it has beyond it."""

    rungs: tuple[str, ...]
    verdict: Verdict | None


class LadderStep(Climb):
    """One rung against the one below: the comparison of these arms, and what was counted of it.

    `backing` are differences per request that go with it: CPU time, segments, switches, ...
    """

    kind: Literal["network", "sandbox"]
    backing: dict[str, Amount] = Field(default_factory=dict)


class Beyond(Difference):
    """What all rungs together add beyond the sum of their steps: a ratio of ratios in percent, a difference in us."""

    verdict: Additivity | None


class Together(Model):
    """An arm with several rungs at once against the bottom, and the sum of the steps that lead to each of them.

    `parts` are the arms of those steps; without a sum, `missing` names the rungs that no arm stands on by itself.
    """

    measured: Climb
    parts: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    sum: Climb | None = None
    beyond: Beyond | None = None


class Ladder(Model):
    """The rungs over one transport, from the bottom up; `where` are other settings in which ladders differ.

    `top` is a whole's network rung, or the highest, against the bottom, where more than one step leads there.
    """

    transport: str
    where: dict[str, str] = Field(default_factory=dict)
    bottom: str
    steps: tuple[LadderStep, ...]
    top: Climb | None = None
    together: tuple[Together, ...] = ()
