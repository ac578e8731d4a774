"""The CPUs that take interrupts, like 0-1; those that belong to a CPU stay there."""

from harness.model import KnobValue
from harness.model.knobs import FileText, Knob, cpus_of

FILE = "/proc/irq/*/smp_affinity_list"


def problem(value: KnobValue) -> str | None:
    try:
        cpus_of(str(value))
    except ValueError:
        return 'must be a list of CPUs like "0-1".'
    return None


PLUGIN = Knob(
    scope="global",
    touches="both",
    problem=problem,
    changes=lambda value: (FileText(FILE, str(value), "cpus", refusable=True),),
)
