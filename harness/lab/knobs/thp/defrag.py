"""Whether a process waits while memory is freed for a huge page: always, defer, defer+madvise, madvise, never."""

from harness.model.knobs import FileText, Knob, text_like

PLUGIN = Knob(
    scope="global",
    touches="both",
    problem=text_like("madvise"),
    changes=lambda value: (FileText("/sys/kernel/mm/transparent_hugepage/defrag", str(value), "choice"),),
)
