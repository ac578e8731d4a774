"""In a virtual machine, how long a CPU without work looks for some before it halts, in nanoseconds."""

from harness.model import KnobValue
from harness.model.knobs import FileText, Knob

FILE = "/sys/module/haltpoll/parameters/guest_halt_poll_ns"


def problem(value: KnobValue) -> str | None:
    return None if isinstance(value, int) and value >= 0 else "must be 0 or more."


PLUGIN = Knob(
    scope="global",
    touches="both",
    problem=problem,
    changes=lambda value: (FileText(FILE, str(value)),),
)
