"""How long a process runs before another that waits may have its CPU (EEVDF), in nanoseconds; needs debugfs."""

from harness.model import KnobValue
from harness.model.knobs import FileText, Knob

FILE = "/sys/kernel/debug/sched/base_slice_ns"  # Documentation/scheduler/sched-eevdf.rst
LEAST, MOST = 100_000, 1_000_000_000


def problem(value: KnobValue) -> str | None:
    return (
        None
        if isinstance(value, int) and 100_000 <= value <= 1_000_000_000
        else "must be a whole number from 100000 to 1000000000."
    )


PLUGIN = Knob(
    scope="global",
    touches="both",
    problem=problem,
    changes=lambda value: (FileText(FILE, str(value)),),
)
