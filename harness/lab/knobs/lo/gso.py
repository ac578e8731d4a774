"""Segmentation offload of lo, gso_max_size in bytes, 65536 by default: the largest packet inside the stack."""

from harness.model.knobs import Knob, LoAttribute, whole_number

PLUGIN = Knob(
    scope="device",
    touches="tcp",
    problem=whole_number(1, 65536),
    changes=lambda value: (LoAttribute("gso_max_size", int(value)),),
)
