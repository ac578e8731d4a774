"""Whether CPUs may run faster than their nominal frequency: on or off (Intel, AMD, amd-pstate)."""

from harness.model import KnobValue
from harness.model.knobs import FileText, FirstOf, Knob

CPUFREQ = "/sys/devices/system/cpu/cpufreq"


def problem(value: KnobValue) -> str | None:
    return None if value in ("on", "off") else 'must be "on" or "off".'


def changes(value: KnobValue) -> tuple[FirstOf]:
    """Documentation/admin-guide/pm: intel_pstate.rst, amd-pstate.rst, cpufreq.rst."""
    on = "1" if value == "on" else "0"
    no_turbo = FileText("/sys/devices/system/cpu/intel_pstate/no_turbo", "0" if value == "on" else "1")
    return (FirstOf((no_turbo, FileText(f"{CPUFREQ}/boost", on), FileText(f"{CPUFREQ}/policy*/boost", on))),)


PLUGIN = Knob(scope="global", touches="both", problem=problem, changes=changes)
