"""CPUs that the scheduler leaves alone, like 2,3."""

from harness.model import KnobValue
from harness.model.knobs import Knob


def problem(value: KnobValue) -> str | None:
    return None if value != "" else "must say what stands after isolcpus= on the kernel's command line."


PLUGIN = Knob(scope="boot", touches="both", problem=problem, changes=lambda _: (), by_boot="isolcpus")
