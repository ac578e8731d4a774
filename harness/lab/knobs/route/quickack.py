"""1: every segment on lo is acknowledged at once instead of with the response; 0 by default."""

from harness.model.knobs import Knob, LoRoute, one_of

PLUGIN = Knob(
    scope="network",
    touches="tcp",
    problem=one_of(0, 1),
    changes=lambda value: (LoRoute("quickack", int(value)),),
)
