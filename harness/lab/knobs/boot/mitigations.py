"""Which holes of the CPU the kernel closes, like off or auto; each costs system calls time."""

from harness.model import KnobValue
from harness.model.knobs import Knob


def problem(value: KnobValue) -> str | None:
    return None if value != "" else "must say what stands after mitigations= on the kernel's command line."


PLUGIN = Knob(scope="boot", touches="both", problem=problem, changes=lambda _: (), by_boot="mitigations")
