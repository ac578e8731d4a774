"""Frequency governor of each CPU: performance, powersave, schedutil, ..."""

from harness.model.knobs import FileText, Knob, text_like

GOVERNOR = "/sys/devices/system/cpu/cpufreq/policy*/scaling_governor"

PLUGIN = Knob(
    scope="global",
    touches="both",
    problem=text_like("performance"),
    changes=lambda value: (FileText(GOVERNOR, str(value), choices="scaling_available_governors"),),
)
