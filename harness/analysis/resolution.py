"""The resolution of the times of an outside tool, derived from the times themselves."""

from collections.abc import Iterable

STEPS_US = (1000.0, 100.0, 10.0, 1.0)
TOLERANCE = 1e-6  # of a step, for floating point


def step_us(values_us: Iterable[float | None]) -> float:
    """Return the coarsest of 1 ms, 100, 10 and 1 us that divides every value; 0 if none does."""
    known = [value for value in values_us if value]
    return next((step for step in STEPS_US if known and all(_is_multiple(value, step) for value in known)), 0.0)


def _is_multiple(value: float, step: float) -> bool:
    return abs(value / step - round(value / step)) < TOLERANCE
