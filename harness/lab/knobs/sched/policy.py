"""Scheduling class of the servers: other (the default), batch, idle; fifo and rr (real time) need root."""

from harness.model.knobs import Knob, OfServers, one_of

PLUGIN = Knob(
    scope="process",
    touches="both",
    problem=one_of("other", "batch", "idle", "fifo", "rr"),
    changes=lambda value: (OfServers("scheduling", value),),
)
