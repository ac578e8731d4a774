"""The knobs by subject: CPUs and interrupts, scheduling and processes, memory, the network, the boot."""

import json
import re
from collections.abc import Callable

from harness.model.plugins import (
    MAX_CPU,
    ConntrackSwitch,
    FileText,
    FirstExistingFile,
    HeldOpenFile,
    Knob,
    KnobValue,
    LoAttribute,
    LoRoute,
    ServerAttribute,
    ValueForm,
    parse_cpu_list,
)

CPUFREQ = "/sys/devices/system/cpu/cpufreq"
DMA_LATENCY = "/dev/cpu_dma_latency"  # Documentation/power/pm_qos_interface.rst
HUGE_PAGES = "/sys/kernel/mm/transparent_hugepage"
RPS_CPUS = "/sys/class/net/lo/queues/rx-0/rps_cpus"  # Documentation/networking/scaling.rst

Check = Callable[[KnobValue], str | None]  # returns why a value is invalid, or None


def one_of(*choices: KnobValue) -> Check:
    """Return a check that a value is one of `choices`."""
    *first, last = map(json.dumps, choices)
    return lambda value: None if value in choices else f"must be {', '.join(first)} or {last}."


def whole_number(least: int, most: int | None = None) -> Check:
    """Return a check that a value is a whole number of at least `least`, and at most `most` where that is given."""
    bounds = f"of {least} or more" if most is None else f"from {least} to {most}"

    def check(value: KnobValue) -> str | None:
        is_valid = isinstance(value, int) and least <= value and (most is None or value <= most)
        return None if is_valid else f"must be a whole number {bounds}."

    return check


def text_like(example: str) -> Check:
    """Return a check that a value is text that is not empty."""
    return lambda value: None if isinstance(value, str) and value else f"must be text like {json.dumps(example)}."


def cpu_list(*words: str) -> Check:
    """Return a check that a value is a list of CPUs, or one of `words`."""

    def check(value: KnobValue) -> str | None:
        try:
            is_valid = value in words or bool(parse_cpu_list(str(value)))
        except ValueError:
            is_valid = False
        return None if is_valid else " or ".join(['must be a list of CPUs like "0-1"', *map(json.dumps, words)]) + "."

    return check


def boot_cpus_problem(value: KnobValue) -> str | None:
    """Return why `value` is no CPU list of the kernel's command line, with flags like "nohz,domain,"; None if it is."""
    parts = str(value).split(",")
    numbers = ",".join(part for part in parts if not re.fullmatch("[a-z_]+", part))
    try:
        is_valid = not numbers or bool(parse_cpu_list(re.sub(r":[0-9]+/[0-9]+", "", numbers)))
    except ValueError:
        is_valid = False
    return None if is_valid and value != "" else f'must be a list of CPUs like "2,3" or "2-7", up to {MAX_CPU}.'


def boost_files(value: KnobValue) -> tuple[FirstExistingFile]:
    """Return the file of each driver (Documentation/admin-guide/pm: intel_pstate.rst, amd-pstate.rst, cpufreq.rst)."""
    boost, no_turbo = ("1", "0") if value == "on" else ("0", "1")
    intel = FileText("/sys/devices/system/cpu/intel_pstate/no_turbo", no_turbo)
    return (
        FirstExistingFile((intel, FileText(f"{CPUFREQ}/boost", boost), FileText(f"{CPUFREQ}/policy*/boost", boost))),
    )


def cpu_mask(value: KnobValue) -> str:
    """Return the kernel's mask of a list of CPUs: groups of 32 bits in hexadecimal. Raises ValueError."""
    bits = sum(1 << cpu for cpu in (() if value == "none" else parse_cpu_list(str(value))))
    text = f"{bits:x}"
    groups = [text[max(end - 8, 0) : end] for end in range(len(text), 0, -8)]
    return ",".join(reversed(groups))


def file_knob(path: str, help_text: str, problem: Check, form: ValueForm = "words") -> Knob:
    """Return a knob whose value is the text of a file of the whole machine."""
    return Knob(help_text, "global", problem, lambda value: (FileText(path, str(value), form),))


def boot_knob(parameter: str, help_text: str, problem: Check = boot_cpus_problem) -> Knob:
    """Return a knob that only a boot changes."""
    return Knob(help_text, "boot", problem, boot_parameter=parameter)


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
        changes=lambda value: (
            FileText(f"{CPUFREQ}/policy*/scaling_governor", str(value), choices="scaling_available_governors"),
        ),
    ),
    "cpu.haltpoll_ns": file_knob(
        "/sys/module/haltpoll/parameters/guest_halt_poll_ns",
        "Nanoseconds that an idle CPU of a virtual machine polls for work before it halts.",
        whole_number(0),
    ),
    "cpu.smt": file_knob(
        "/sys/devices/system/cpu/smt/control", "Whether cores run two threads: on or off.", one_of("on", "off")
    ),
    "irq.affinity": Knob(
        help="CPUs that take interrupts, like 0-1; interrupts bound to one CPU stay there.",
        scope="global",
        problem=cpu_list(),
        changes=lambda value: (FileText("/proc/irq/*/smp_affinity_list", str(value), "cpus", refusable=True),),
    ),
    "nice": Knob(
        help="Niceness of the servers, -20 to 19, 0 by default; below 0 needs root.",
        scope="process",
        problem=whole_number(-20, 19),
        changes=lambda value: (ServerAttribute("nice", value),),
    ),
    "sched.autogroup": file_knob(
        "/proc/sys/kernel/sched_autogroup_enabled",
        "1: terminal sessions share the CPUs equally, whatever their number of processes; 0: processes do.",
        one_of(0, 1),
    ),
    "sched.base_slice_ns": file_knob(
        "/sys/kernel/debug/sched/base_slice_ns",  # Documentation/scheduler/sched-eevdf.rst
        "Nanoseconds that a process runs before a waiting one may take its CPU (EEVDF); needs debugfs.",
        whole_number(100_000, 1_000_000_000),
    ),
    "sched.policy": Knob(
        help="Scheduling class of the servers: other (the default), batch, idle; fifo and rr (real time) need root.",
        scope="process",
        problem=one_of("other", "batch", "idle", "fifo", "rr"),
        changes=lambda value: (ServerAttribute("scheduling", value),),
    ),
    "timer_slack_ns": Knob(
        help="Nanoseconds by which the kernel may delay the servers' timers, 50000 by default.",
        scope="process",
        problem=whole_number(1),
        changes=lambda value: (ServerAttribute("timer_slack_ns", value),),
    ),
    "thp.defrag": file_knob(
        f"{HUGE_PAGES}/defrag",
        "When a process waits for memory to become a huge page: always, defer, defer+madvise, madvise, never.",
        text_like("madvise"),
        "choice",
    ),
    "thp.enabled": file_knob(
        f"{HUGE_PAGES}/enabled",
        "Which memory uses huge pages: always, madvise or never.",
        text_like("madvise"),
        "choice",
    ),
    "conntrack": Knob(
        help="on: the kernel tracks every TCP connection over lo, as for a firewall or containers; off by default.",
        scope="network",
        touches="tcp",
        problem=one_of("on", "off"),
        changes=lambda value: (ConntrackSwitch(value == "on"),),
    ),
    "lo.gso": Knob(
        help="Segmentation offload of lo (gso_max_size) in bytes: the largest packet in the stack, 65536 by default.",
        scope="device",
        touches="tcp",
        problem=whole_number(1, 65536),
        changes=lambda value: (LoAttribute("gso_max_size", int(value)),),
    ),
    "lo.mtu": Knob(
        help="Largest packet on lo in bytes, 65536 by default: a smaller one cuts large answers into segments.",
        scope="device",
        touches="tcp",
        problem=whole_number(1280, 65536),  # below 1280, the kernel removes IPv6 from the interface
        changes=lambda value: (LoAttribute("mtu", int(value)),),
    ),
    "lo.rps": Knob(
        help='CPUs that receive packets of lo (receive packet steering), like "0-1"; "none": the CPU that sent them.',
        scope="device",
        touches="tcp",
        problem=cpu_list("none"),
        changes=lambda value: (FileText(RPS_CPUS, cpu_mask(value), "mask"),),
    ),
    "route.congctl": Knob(
        help='Congestion control of connections over lo, like "reno"; by default tcp_congestion_control decides.',
        scope="network",
        touches="tcp",
        problem=lambda value: None if str(value).isidentifier() else 'must be a name like "reno".',
        changes=lambda value: (LoRoute("congctl", value),),
    ),
    "route.quickack": Knob(
        help="1: every segment on lo is acknowledged at once instead of with the response; 0 by default.",
        scope="network",
        touches="tcp",
        problem=one_of(0, 1),
        changes=lambda value: (LoRoute("quickack", int(value)),),
    ),
    "boot.isolcpus": boot_knob("isolcpus", "CPUs that the scheduler leaves alone, like 2,3."),
    "boot.mitigations": boot_knob(
        "mitigations",
        "Mitigations of CPU vulnerabilities, like off or auto; each makes system calls slower.",
        text_like("off"),
    ),
    "boot.nohz_full": boot_knob("nohz_full", "CPUs without a timer tick while one process runs there, like 2,3."),
    "boot.rcu_nocbs": boot_knob("rcu_nocbs", "CPUs that leave RCU callbacks to other CPUs, like 2,3."),
}
