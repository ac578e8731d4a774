"""Whether a process waits while memory is made free for a huge page: always, defer, defer+madvise, madvise, never."""

from harness.model import KnobValue
from harness.model.knobs import FileText, Knob

FILE = "/sys/kernel/mm/transparent_hugepage/defrag"


def problem(value: KnobValue) -> str | None:
    return None if isinstance(value, str) else "must be text like madvise."


PLUGIN = Knob(
    scope="global",
    touches="both",
    problem=problem,
    changes=lambda value: (FileText(FILE, str(value), "choice"),),
)
