"""The scheduling class of the servers: other (the default), batch, idle; fifo and rr, of real time, take root."""

from harness.model import KnobValue
from harness.model.knobs import Knob, OfServers

CLASSES = ("other", "batch", "idle", "fifo", "rr")


def problem(value: KnobValue) -> str | None:
    return None if value in CLASSES else f"must be one of {', '.join(CLASSES)}."


PLUGIN = Knob(
    scope="process",
    touches="both",
    problem=problem,
    changes=lambda value: (OfServers("scheduling", value),),
)
