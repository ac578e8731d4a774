"""1: every segment on lo is acknowledged at once, instead of with the answer; 0 by default."""

from harness.model import KnobValue
from harness.model.knobs import Knob, LoRoute


def problem(value: KnobValue) -> str | None:
    return None if value in (0, 1) else "must be 0 or 1."


PLUGIN = Knob(
    scope="network",
    touches="tcp",
    problem=problem,
    changes=lambda value: (LoRoute("quickack", int(value)),),
)
