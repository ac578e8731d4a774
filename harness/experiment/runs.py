"""Make the design matrices of screens: a row of signs for each run; the first row is all low."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Signs = NDArray[np.float64]  # (runs, factors): -1 low, 1 high

THREADS = "OPENBLAS_NUM_THREADS"

MOST_FACTORS = 23  # pyDOE3 lacks some larger sizes


def plackett_burman(factors: int) -> "Signs":
    """Return a design with the next multiple of 4 runs; any two columns are balanced (Plackett and Burman 1946)."""
    with _without_threads():  # slow: imports numpy and scipy
        import numpy as np
        from pyDOE3 import pbdesign
    return _low_first(np.asarray(pbdesign(factors), dtype=float))


def resolution_iv(factors: int) -> "Signs":
    """Return a foldover design (Box and Wilson 1951): main effects are not aliased with two-factor interactions.

    It is a Plackett-Burman design for one factor less, plus that factor, and all of it mirrored.
    """
    half = plackett_burman(factors - 1)
    import numpy as np  # after plackett_burman, which imports it without threads

    half = np.column_stack([np.ones(len(half)), half])
    return _low_first(np.vstack([half, -half]))


def one_at_a_time(levels: Sequence[int]) -> list[tuple[int, ...]]:
    """Return rows of level indexes, given the number of levels per factor: the base, then one change per row."""
    base = [0] * len(levels)
    changed = (
        [*base[:factor], level, *base[factor + 1 :]] for factor, count in enumerate(levels) for level in range(1, count)
    )
    return list(map(tuple, [base, *changed]))


def _low_first(design: "Signs") -> "Signs":
    """Flip columns so that the first row is all low; this keeps the balance."""
    signs: Signs = design * -design[0]
    return signs


@contextmanager
def _without_threads() -> Iterator[None]:
    """Keep imported libraries from starting threads: a process with threads cannot enter a user namespace."""
    before = os.environ.get(THREADS)
    os.environ[THREADS] = "1"
    try:
        yield
    finally:
        del os.environ[THREADS]
        if before is not None:
            os.environ[THREADS] = before
