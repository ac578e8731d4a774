"""Knobs of the CPUs and their interrupts."""

from harness.model import KnobValue
from harness.model.knobs import (
    FileText,
    FirstExistingFile,
    HeldOpenFile,
    Knob,
    cpu_list,
    one_of,
    text_like,
    whole_number,
)

CPUFREQ = "/sys/devices/system/cpu/cpufreq"
DMA_LATENCY = "/dev/cpu_dma_latency"  # Documentation/power/pm_qos_interface.rst
GOVERNOR = "/sys/devices/system/cpu/cpufreq/policy*/scaling_governor"


def boost_files(value: KnobValue) -> tuple[FirstExistingFile]:
    """Return the file of each driver (Documentation/admin-guide/pm: intel_pstate.rst, amd-pstate.rst, cpufreq.rst)."""
    boost, no_turbo = ("1", "0") if value == "on" else ("0", "1")
    intel = FileText("/sys/devices/system/cpu/intel_pstate/no_turbo", no_turbo)
    return (
        FirstExistingFile((intel, FileText(f"{CPUFREQ}/boost", boost), FileText(f"{CPUFREQ}/policy*/boost", boost))),
    )


PLUGINS = {
    "cpu.boost": Knob(
        help="Whether CPUs may run faster than their nominal frequency: on or off (Intel, AMD, amd-pstate).",
        scope="global",
        problem=one_of("on", "off"),
        changes=boost_files,
    ),
    "cpu.dma_latency_us": Knob(
        help="Microseconds that a CPU may take to wake up; 0 keeps CPUs out of deep sleep during the arm's visits.",
        scope="global",
        problem=whole_number(0, 2_000_000_000),
        changes=lambda value: (HeldOpenFile(DMA_LATENCY, int(value)),),
    ),
    "cpu.governor": Knob(
        help="Frequency governor of each CPU: performance, powersave, schedutil, ...",
        scope="global",
        problem=text_like("performance"),
        changes=lambda value: (FileText(GOVERNOR, str(value), choices="scaling_available_governors"),),
    ),
    "cpu.haltpoll_ns": Knob(
        help="Nanoseconds that an idle CPU of a virtual machine polls for work before it halts.",
        scope="global",
        problem=whole_number(0),
        changes=lambda value: (FileText("/sys/module/haltpoll/parameters/guest_halt_poll_ns", str(value)),),
    ),
    "cpu.smt": Knob(
        help="Whether cores run two threads: on or off.",
        scope="global",
        problem=one_of("on", "off"),
        changes=lambda value: (FileText("/sys/devices/system/cpu/smt/control", str(value)),),
    ),
    "irq.affinity": Knob(
        help="CPUs that take interrupts, like 0-1; interrupts bound to one CPU stay there.",
        scope="global",
        problem=cpu_list(),
        changes=lambda value: (FileText("/proc/irq/*/smp_affinity_list", str(value), "cpus", refusable=True),),
    ),
}
