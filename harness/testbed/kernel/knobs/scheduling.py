"""Knobs of the scheduler and of processes."""

from harness.model.knobs import FileText, Knob, ServerAttribute, one_of, whole_number

BASE_SLICE = "/sys/kernel/debug/sched/base_slice_ns"  # Documentation/scheduler/sched-eevdf.rst

PLUGINS = {
    "nice": Knob(
        help="Niceness of the servers, -20 to 19, 0 by default; below 0 needs root.",
        scope="process",
        problem=whole_number(-20, 19),
        changes=lambda value: (ServerAttribute("nice", value),),
    ),
    "sched.autogroup": Knob(
        help="1: terminal sessions share the CPUs equally, whatever their number of processes; 0: processes do.",
        scope="global",
        problem=one_of(0, 1),
        changes=lambda value: (FileText("/proc/sys/kernel/sched_autogroup_enabled", str(value)),),
    ),
    "sched.base_slice_ns": Knob(
        help="Nanoseconds that a process runs before a waiting one may take its CPU (EEVDF); needs debugfs.",
        scope="global",
        problem=whole_number(100_000, 1_000_000_000),
        changes=lambda value: (FileText(BASE_SLICE, str(value)),),
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
}
