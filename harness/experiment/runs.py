"""The runs of a screen as rows of signs: classical designs, whose first row is all low."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Signs = NDArray[np.float64]  # (runs, factors): -1 low, 1 high

THREADS = "OPENBLAS_NUM_THREADS"

MOST_FACTORS = 23  # beyond, there are sizes that pyDOE3 cannot make


def plackett_burman(factors: int) -> "Signs":
    """As many runs as the next multiple of 4; every two columns are balanced (Plackett and Burman 1946)."""
    with _without_threads():  # brings numpy and scipy, and few experiments need it
        import numpy as np
        from pyDOE3 import pbdesign
    return _low_first(np.asarray(pbdesign(factors), dtype=float))


def resolution_iv(factors: int) -> "Signs":
    """Every three columns are balanced: a design for one factor less, the factor in it, and all mirrored.

    That is the foldover of Box and Wilson (1951): no effect of two factors is mixed with that of a single one.
    """
    half = plackett_burman(factors - 1)
    import numpy as np  # after what brings it without threads

    half = np.column_stack([np.ones(len(half)), half])
    return _low_first(np.vstack([half, -half]))


def one_at_a_time(levels: Sequence[int]) -> list[tuple[int, ...]]:
    """Places in each factor's levels, of which there are `levels`: all first, then every other level by itself."""
    base = [0] * len(levels)
    changed = (
        [*base[:factor], level, *base[factor + 1 :]] for factor, of in enumerate(levels) for level in range(1, of)
    )
    return list(map(tuple, [base, *changed]))


def _low_first(design: "Signs") -> "Signs":
    """Which level of a factor is called high does not matter to the balance."""
    signs: Signs = design * -design[0]
    return signs


@contextmanager
def _without_threads() -> Iterator[None]:
    """Libraries that are imported inside start none: only a process of one thread can enter a user namespace."""
    given = os.environ.get(THREADS)
    os.environ[THREADS] = "1"
    try:
        yield
    finally:
        del os.environ[THREADS]
        if given is not None:
            os.environ[THREADS] = given
