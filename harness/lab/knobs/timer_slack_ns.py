"""Nanoseconds by which the kernel may delay the servers' timers, 50000 by default."""

from harness.model.knobs import Knob, OfServers, whole_number

PLUGIN = Knob(
    scope="process",
    touches="both",
    problem=whole_number(1),
    changes=lambda value: (OfServers("timer_slack_ns", value),),
)
