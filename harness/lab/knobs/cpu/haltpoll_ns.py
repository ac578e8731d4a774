"""Nanoseconds that an idle CPU of a virtual machine polls for work before it halts."""

from harness.model.knobs import FileText, Knob, whole_number

PLUGIN = Knob(
    scope="global",
    touches="both",
    problem=whole_number(0),
    changes=lambda value: (FileText("/sys/module/haltpoll/parameters/guest_halt_poll_ns", str(value)),),
)
