"""How long a CPU may take to wake up, in microseconds; 0: none goes to sleep deeply, while such an arm is visited."""

from harness.model import KnobValue
from harness.model.knobs import HeldOpen, Knob

FILE = "/dev/cpu_dma_latency"  # Documentation/power/pm_qos_interface.rst
MOST = 2_000_000_000


def problem(value: KnobValue) -> str | None:
    good = isinstance(value, int) and 0 <= value <= MOST
    return None if good else "must be a whole number of microseconds, 0 or more."


PLUGIN = Knob(
    scope="global",
    touches="both",
    problem=problem,
    changes=lambda value: (HeldOpen(FILE, int(value)),),
)
