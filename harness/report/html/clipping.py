"""Where lines leave the panel of a figure, and the arrow heads that mark it."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

Place = tuple[float, float]  # pixels from the left and from the top of the panel
TOLERANCE_PX = 0.5
LENGTH_PX, HALF_WIDTH_PX = 7.0, 4.0  # of an arrow head
NOTE = "An arrow head marks a line that goes on beyond the axis."
CSS_CLASS = "beyond"


def arrow_heads(places: Sequence[Place], size: Place) -> Iterator[str]:
    """Yield the path of an arrow head wherever the line through `places` leaves a panel of this `size`."""
    for start, end in pairwise(places):
        for inside, outside in ((start, end), (end, start)):
            if _is_inside(inside, size) and not _is_inside(outside, size):
                yield _arrow_head(inside, outside, size)


def _is_inside(place: Place, size: Place) -> bool:
    return all(-TOLERANCE_PX <= here <= most + TOLERANCE_PX for here, most in zip(place, size, strict=True))


def _arrow_head(inside: Place, outside: Place, size: Place) -> str:
    """Return the path of the arrow head with its tip where the line crosses the first edge."""
    share, axis, side = min(
        ((edge - inside[axis]) / (outside[axis] - inside[axis]), axis, side)
        for axis in (0, 1)
        for side, edge in ((-1, 0.0), (1, size[axis]))
        if side * (outside[axis] - edge) > TOLERANCE_PX
    )
    x, y = (start + share * (end - start) for start, end in zip(inside, outside, strict=True))
    if axis == 0:
        return f"M{x:.1f} {y:.1f}l{-side * LENGTH_PX:g} {-HALF_WIDTH_PX:g}v{2 * HALF_WIDTH_PX:g}Z"
    return f"M{x:.1f} {y:.1f}l{-HALF_WIDTH_PX:g} {-side * LENGTH_PX:g}h{2 * HALF_WIDTH_PX:g}Z"
