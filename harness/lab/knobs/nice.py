"""Niceness of the servers, -20 to 19, 0 by default; below 0 needs root."""

from harness.model.knobs import Knob, OfServers, whole_number

PLUGIN = Knob(
    scope="process",
    touches="both",
    problem=whole_number(-20, 19),
    changes=lambda value: (OfServers("nice", value),),
)
