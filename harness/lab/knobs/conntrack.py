"""on: the kernel tracks every TCP connection over lo, as with a firewall or a container runtime; off by default."""

from harness.model import KnobValue
from harness.model.knobs import Knob, Tracking


def problem(value: KnobValue) -> str | None:
    return None if value in ("on", "off") else 'must be "on" or "off".'


PLUGIN = Knob(
    scope="network",
    touches="tcp",
    problem=problem,
    changes=lambda value: (Tracking(value == "on"),),
)
