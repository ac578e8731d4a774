"""What the study of the headline asks: runs in random order, and the burn that is one percent of a request."""

import random
from typing import Literal, get_args

from pydantic import Field

from harness.model import JsonModel

Kind = Literal["more work", "equal"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MORE, EQUAL = KINDS
EXTRA_SHARE = 0.01  # the burn, as a share of a request's time
LEAST_BURN_US = 0.1
TRIAL_SHARE = 1 / 3  # the time of the trial that chooses the burn, as a share of a run's


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
    """The time of a request in the trial, and the burn that follows from it."""

    request_us: float
    burn_us: float

    def burn_of(self, kind: Kind) -> float:
        """Return how many microseconds more the app burns in a run of this kind."""
        return self.burn_us if kind == MORE else 0.0


def trial_of(request_us: float) -> Trial:
    """Return the trial with a burn of one percent of a request's time, to 0.1 us."""
    return Trial(request_us=request_us, burn_us=max(round(EXTRA_SHARE * request_us, 1), LEAST_BURN_US))
