"""The steps in which an outside tool gives its times, seen in the times themselves."""

from collections.abc import Iterable

STEPS_US = (1000.0, 100.0, 10.0, 1.0)
TOLERANCE = 1e-6  # of a step: what floating point leaves of a whole number


def step_us(values_us: Iterable[float | None]) -> float:
    """The coarsest of 1 ms, 100, 10 and 1 us that every value is a multiple of; 0 where none is, or nothing known."""
    known = [value for value in values_us if value]
    return next((step for step in STEPS_US if known and all(_is_multiple(value, step) for value in known)), 0.0)


def _is_multiple(value: float, step: float) -> bool:
    return abs(value / step - round(value / step)) < TOLERANCE
