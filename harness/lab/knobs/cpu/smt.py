"""Whether cores run two threads: on or off."""

from harness.model import KnobValue
from harness.model.knobs import FileText, Knob

FILE = "/sys/devices/system/cpu/smt/control"


def problem(value: KnobValue) -> str | None:
    return None if value in ("on", "off") else 'must be "on" or "off".'


PLUGIN = Knob(
    scope="global",
    touches="both",
    problem=problem,
    changes=lambda value: (FileText(FILE, str(value)),),
)
