"""Whether CPUs may run faster than their nominal frequency: on or off (Intel, AMD, amd-pstate)."""

from harness.model import KnobValue
from harness.model.knobs import FileText, FirstOf, Knob, one_of

CPUFREQ = "/sys/devices/system/cpu/cpufreq"


def boost_files(value: KnobValue) -> tuple[FirstOf]:
    """Return the file of each driver (Documentation/admin-guide/pm: intel_pstate.rst, amd-pstate.rst, cpufreq.rst)."""
    boost, no_turbo = ("1", "0") if value == "on" else ("0", "1")
    intel = FileText("/sys/devices/system/cpu/intel_pstate/no_turbo", no_turbo)
    return (FirstOf((intel, FileText(f"{CPUFREQ}/boost", boost), FileText(f"{CPUFREQ}/policy*/boost", boost))),)


PLUGIN = Knob(
    scope="global",
    touches="both",
    problem=one_of("on", "off"),
    changes=boost_files,
)
