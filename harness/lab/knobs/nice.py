"""The niceness of the servers, -20 to 19, 0 by default; below 0 takes root."""

from harness.model import KnobValue
from harness.model.knobs import Knob, OfServers

LEAST, MOST = -20, 19


def problem(value: KnobValue) -> str | None:
    good = isinstance(value, int) and LEAST <= value <= MOST
    return None if good else f"must be a whole number from {LEAST} to {MOST}."


PLUGIN = Knob(
    scope="process",
    touches="both",
    problem=problem,
    changes=lambda value: (OfServers("nice", value),),
)
