"""The runs of a screen as rows of signs: classical designs, whose first row is all low."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Signs = NDArray[np.float64]  # (runs, factors): -1 low, 1 high

MOST_FACTORS = 23  # beyond, there are sizes that pyDOE3 cannot make


def plackett_burman(factors: int) -> Signs:
    """As many runs as the next multiple of 4; every two columns are balanced (Plackett and Burman 1946)."""
    from pyDOE3 import pbdesign  # brings scipy, and few experiments need it

    return _low_first(np.asarray(pbdesign(factors), dtype=float))


def resolution_iv(factors: int) -> Signs:
    """Every three columns are balanced: a design for one factor less, the factor in it, and all mirrored.

    That is the foldover of Box and Wilson (1951): no effect of two factors is mixed with that of a single one.
    """
    half = plackett_burman(factors - 1)
    half = np.column_stack([np.ones(len(half)), half])
    return _low_first(np.vstack([half, -half]))


def one_at_a_time(levels: Sequence[int]) -> list[tuple[int, ...]]:
    """Places in each factor's levels, of which there are `levels`: all first, then every other level by itself."""
    base = [0] * len(levels)
    changed = (
        [*base[:factor], level, *base[factor + 1 :]] for factor, of in enumerate(levels) for level in range(1, of)
    )
    return list(map(tuple, [base, *changed]))


def _low_first(design: Signs) -> Signs:
    """Which level of a factor is called high does not matter to the balance."""
    return np.asarray(design * -design[0])
