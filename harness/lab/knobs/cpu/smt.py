"""Whether cores run two threads: on or off."""

from harness.model.knobs import FileText, Knob, one_of

PLUGIN = Knob(
    scope="global",
    touches="both",
    problem=one_of("on", "off"),
    changes=lambda value: (FileText("/sys/devices/system/cpu/smt/control", str(value)),),
)
