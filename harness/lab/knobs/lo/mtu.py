"""Largest packet on lo in bytes, 65536 by default: a smaller one cuts large answers into segments."""

from harness.model.knobs import Knob, LoAttribute, whole_number

PLUGIN = Knob(
    scope="device",
    touches="tcp",
    problem=whole_number(1280, 65536),  # below 1280, the kernel removes IPv6 from the interface
    changes=lambda value: (LoAttribute("mtu", int(value)),),
)
