"""Nanoseconds that a process runs before a waiting one may take its CPU (EEVDF); needs debugfs."""

from harness.model.knobs import FileText, Knob, whole_number

BASE_SLICE = "/sys/kernel/debug/sched/base_slice_ns"  # Documentation/scheduler/sched-eevdf.rst

PLUGIN = Knob(
    scope="global",
    touches="both",
    problem=whole_number(100_000, 1_000_000_000),
    changes=lambda value: (FileText(BASE_SLICE, str(value)),),
)
