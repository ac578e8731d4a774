"""Knobs of a network: loopback, routes, connection tracking."""

from harness.model import KnobValue
from harness.model.knobs import (
    ConntrackSwitch,
    FileText,
    Knob,
    LoAttribute,
    LoRoute,
    cpu_list,
    one_of,
    parse_cpu_list,
    whole_number,
)

RPS_CPUS = "/sys/class/net/lo/queues/rx-0/rps_cpus"  # Documentation/networking/scaling.rst


def cpu_mask(value: KnobValue) -> str:
    """Return the kernel's mask of a list of CPUs: groups of 32 bits in hexadecimal. Raises ValueError."""
    bits = sum(1 << cpu for cpu in (() if value == "none" else parse_cpu_list(str(value))))
    text = f"{bits:x}"
    groups = [text[max(end - 8, 0) : end] for end in range(len(text), 0, -8)]
    return ",".join(reversed(groups))


PLUGINS = {
    "conntrack": Knob(
        help="on: the kernel tracks every TCP connection over lo, as for a firewall or containers; off by default.",
        scope="network",
        touches="tcp",
        problem=one_of("on", "off"),
        changes=lambda value: (ConntrackSwitch(value == "on"),),
    ),
    "lo.gso": Knob(
        help="Segmentation offload of lo (gso_max_size) in bytes: the largest packet in the stack, 65536 by default.",
        scope="device",
        touches="tcp",
        problem=whole_number(1, 65536),
        changes=lambda value: (LoAttribute("gso_max_size", int(value)),),
    ),
    "lo.mtu": Knob(
        help="Largest packet on lo in bytes, 65536 by default: a smaller one cuts large answers into segments.",
        scope="device",
        touches="tcp",
        problem=whole_number(1280, 65536),  # below 1280, the kernel removes IPv6 from the interface
        changes=lambda value: (LoAttribute("mtu", int(value)),),
    ),
    "lo.rps": Knob(
        help='CPUs that receive packets of lo (receive packet steering), like "0-1"; "none": the CPU that sent them.',
        scope="device",
        touches="tcp",
        problem=cpu_list("none"),
        changes=lambda value: (FileText(RPS_CPUS, cpu_mask(value), "mask"),),
    ),
    "route.congctl": Knob(
        help='Congestion control of connections over lo, like "reno"; by default tcp_congestion_control decides.',
        scope="network",
        touches="tcp",
        problem=lambda value: None if str(value).isidentifier() else 'must be a name like "reno".',
        changes=lambda value: (LoRoute("congctl", value),),
    ),
    "route.quickack": Knob(
        help="1: every segment on lo is acknowledged at once instead of with the response; 0 by default.",
        scope="network",
        touches="tcp",
        problem=one_of(0, 1),
        changes=lambda value: (LoRoute("quickack", int(value)),),
    ),
}
