"""Who chooses the frequency of each CPU: performance, powersave, schedutil, ..."""

from harness.model import KnobValue
from harness.model.knobs import FileText, Knob

FILE = "/sys/devices/system/cpu/cpufreq/policy*/scaling_governor"


def problem(value: KnobValue) -> str | None:
    return None if isinstance(value, str) else "must be text like performance."


PLUGIN = Knob(
    scope="global",
    touches="both",
    problem=problem,
    changes=lambda value: (FileText(FILE, str(value), choices="scaling_available_governors"),),
)
