"""The largest packet on lo in bytes, 65536 by default: smaller ones cut large answers into segments."""

from harness.model import KnobValue
from harness.model.knobs import Knob, LoAttribute

LEAST, MOST = 1280, 65536  # below, the kernel takes IPv6 from the interface


def problem(value: KnobValue) -> str | None:
    good = isinstance(value, int) and LEAST <= value <= MOST
    return None if good else f"must be a whole number from {LEAST} to {MOST}."


PLUGIN = Knob(
    scope="device",
    touches="tcp",
    problem=problem,
    changes=lambda value: (LoAttribute("mtu", int(value)),),
)
