"""Microseconds that a CPU may take to wake up; 0 keeps CPUs out of deep sleep during the arm's visits."""

from harness.model.knobs import HeldOpen, Knob, whole_number

DMA_LATENCY = "/dev/cpu_dma_latency"  # Documentation/power/pm_qos_interface.rst

PLUGIN = Knob(
    scope="global",
    touches="both",
    problem=whole_number(0, 2_000_000_000),
    changes=lambda value: (HeldOpen(DMA_LATENCY, int(value)),),
)
