"""The congestion control of connections over lo, like "reno"; without it the sysctl tcp_congestion_control decides."""

from harness.model import KnobValue
from harness.model.knobs import Knob, LoRoute


def problem(value: KnobValue) -> str | None:
    return None if isinstance(value, str) and value.isidentifier() else 'must be a name like "reno".'


PLUGIN = Knob(
    scope="network",
    touches="tcp",
    problem=problem,
    changes=lambda value: (LoRoute("congctl", value),),
)
