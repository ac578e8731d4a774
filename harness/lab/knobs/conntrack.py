"""on: the kernel tracks every TCP connection over lo, as with a firewall or a container runtime; off by default."""

from harness.model.knobs import Knob, Tracking, one_of

PLUGIN = Knob(
    scope="network",
    touches="tcp",
    problem=one_of("on", "off"),
    changes=lambda value: (Tracking(value == "on"),),
)
