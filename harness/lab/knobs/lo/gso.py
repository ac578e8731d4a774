"""Segmentation offload of lo, gso_max_size in bytes, 65536 by default: how much travels through the stack at once."""

from harness.model import KnobValue
from harness.model.knobs import Knob, LoAttribute

LEAST, MOST = 1, 65536


def problem(value: KnobValue) -> str | None:
    good = isinstance(value, int) and LEAST <= value <= MOST
    return None if good else f"must be a whole number from {LEAST} to {MOST}."


PLUGIN = Knob(
    scope="device",
    touches="tcp",
    problem=problem,
    changes=lambda value: (LoAttribute("gso_max_size", int(value)),),
)
