"""1: terminal sessions share the CPUs equally, whatever their number of processes; 0: processes do."""

from harness.model.knobs import FileText, Knob, one_of

PLUGIN = Knob(
    scope="global",
    touches="both",
    problem=one_of(0, 1),
    changes=lambda value: (FileText("/proc/sys/kernel/sched_autogroup_enabled", str(value)),),
)
