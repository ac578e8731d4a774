"""1: sessions share the CPUs, whatever their number of processes; 0: processes do."""

from harness.model import KnobValue
from harness.model.knobs import FileText, Knob

FILE = "/proc/sys/kernel/sched_autogroup_enabled"


def problem(value: KnobValue) -> str | None:
    return None if value in (0, 1) else "must be 0 or 1."


PLUGIN = Knob(
    scope="global",
    touches="both",
    problem=problem,
    changes=lambda value: (FileText(FILE, str(value)),),
)
