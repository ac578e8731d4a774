"""CPUs that leave the kernel's deferred work to others, like 2,3."""

from harness.model import KnobValue
from harness.model.knobs import Knob


def problem(value: KnobValue) -> str | None:
    return None if value != "" else "must say what stands after rcu_nocbs= on the kernel's command line."


PLUGIN = Knob(scope="boot", touches="both", problem=problem, changes=lambda _: (), by_boot="rcu_nocbs")
