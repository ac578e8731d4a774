"""What the study of the headline asks: runs in random order, and a burn of one percent of a request's time."""

import random
from typing import Literal, get_args

from pydantic import Field

from harness.model import JsonModel

Kind = Literal["more work", "equal"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MORE, EQUAL = KINDS
EXTRA_SHARE = 0.01  # the burn, as a share of a request's time
LEAST_BURN_US = 0.1
TRIAL_SHARE = 1 / 3  # the trial chooses the burn of the first run; its time as a share of a run's


class Design(JsonModel):
    """`runs`: of each kind. `overrides`: the --set options of every run."""

    runs: int = Field(ge=1)
    budget_s: float = Field(gt=0)
    seed: int
    overrides: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[Kind, ...]:
        """Return the kind of each run, in random order."""
        kinds = [kind for kind in KINDS for _ in range(self.runs)]
        random.Random(self.seed).shuffle(kinds)  # noqa: S311 - chance, not secrecy
        return tuple(kinds)

    @property
    def total_s(self) -> float:
        """Return the time of the trial and all runs."""
        return (2 * self.runs + TRIAL_SHARE) * self.budget_s

    @property
    def trial_s(self) -> float:
        """Return the budget of the trial."""
        return self.budget_s * TRIAL_SHARE

    def run_seed(self, number: int) -> int:
        """Return the seed of a run; the trial is number 0."""
        return self.seed * 1000 + number


class Trial(JsonModel):
    """The typical time of a request in the trial."""

    request_us: float


def burn_us(kind: Kind, request_us: float) -> float:
    """Return what the app of a run burns: one percent of `request_us`, to 0.1 us; 0 for equal arms."""
    return max(round(EXTRA_SHARE * request_us, 1), LEAST_BURN_US) if kind == MORE else 0.0
