"""By how many nanoseconds the kernel may delay the servers' timers, 50000 by default."""

from harness.model import KnobValue
from harness.model.knobs import Knob, OfServers


def problem(value: KnobValue) -> str | None:
    return None if isinstance(value, int) and value > 0 else "must be a whole number above 0."


PLUGIN = Knob(
    scope="process",
    touches="both",
    problem=problem,
    changes=lambda value: (OfServers("timer_slack_ns", value),),
)
