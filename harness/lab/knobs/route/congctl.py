"""Congestion control of connections over lo, like "reno"; by default the sysctl tcp_congestion_control decides."""

from harness.model.knobs import Knob, LoRoute

PLUGIN = Knob(
    scope="network",
    touches="tcp",
    problem=lambda value: None if str(value).isidentifier() else 'must be a name like "reno".',
    changes=lambda value: (LoRoute("congctl", value),),
)
