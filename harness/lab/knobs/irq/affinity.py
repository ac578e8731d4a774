"""CPUs that take interrupts, like 0-1; interrupts bound to one CPU stay there."""

from harness.model.knobs import FileText, Knob, cpu_list

PLUGIN = Knob(
    scope="global",
    touches="both",
    problem=cpu_list(),
    changes=lambda value: (FileText("/proc/irq/*/smp_affinity_list", str(value), "cpus", refusable=True),),
)
