"""Knobs of memory: transparent huge pages."""

from harness.model.knobs import FileText, Knob, text_like

PLUGINS = {
    "thp.defrag": Knob(
        help="When a process waits for memory to become a huge page: always, defer, defer+madvise, madvise, never.",
        scope="global",
        problem=text_like("madvise"),
        changes=lambda value: (FileText("/sys/kernel/mm/transparent_hugepage/defrag", str(value), "choice"),),
    ),
    "thp.enabled": Knob(
        help="Which memory uses huge pages: always, madvise or never.",
        scope="global",
        problem=text_like("madvise"),
        changes=lambda value: (FileText("/sys/kernel/mm/transparent_hugepage/enabled", str(value), "choice"),),
    ),
}
