"""Which memory uses huge pages: always, madvise or never."""

from harness.model.knobs import FileText, Knob, text_like

PLUGIN = Knob(
    scope="global",
    touches="both",
    problem=text_like("madvise"),
    changes=lambda value: (FileText("/sys/kernel/mm/transparent_hugepage/enabled", str(value), "choice"),),
)
