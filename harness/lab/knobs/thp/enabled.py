"""Which memory is backed by huge pages: always, madvise or never."""

from harness.model import KnobValue
from harness.model.knobs import FileText, Knob

FILE = "/sys/kernel/mm/transparent_hugepage/enabled"


def problem(value: KnobValue) -> str | None:
    return None if isinstance(value, str) else "must be always, madvise or never."


PLUGIN = Knob(
    scope="global",
    touches="both",
    problem=problem,
    changes=lambda value: (FileText(FILE, str(value), "choice"),),
)
