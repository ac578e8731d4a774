"""The CPUs that take interrupts, like 0-1; those that belong to a CPU stay there."""

from harness.model import KnobValue
from harness.model.knobs import FileText, Knob

FILE = "/proc/irq/*/smp_affinity_list"


def problem(value: KnobValue) -> str | None:
    return None if isinstance(value, str) and value[:1].isdigit() else 'must be a list of CPUs like "0-1".'


PLUGIN = Knob(
    scope="global",
    touches="both",
    problem=problem,
    changes=lambda value: (FileText(FILE, str(value), "cpus", refusable=True),),
)
