"""CPUs that receive packets of lo (receive packet steering), like "0-1"; "none": the CPU that sent them."""

from harness.model import KnobValue
from harness.model.knobs import FileText, Knob, cpu_list, cpus_of

RPS_CPUS = "/sys/class/net/lo/queues/rx-0/rps_cpus"  # Documentation/networking/scaling.rst


def cpu_mask(value: KnobValue) -> str:
    """Return the kernel's mask of a list of CPUs: groups of 32 bits in hexadecimal. Raises ValueError."""
    bits = sum(1 << cpu for cpu in (() if value == "none" else cpus_of(str(value))))
    text = f"{bits:x}"
    groups = [text[max(end - 8, 0) : end] for end in range(len(text), 0, -8)]
    return ",".join(reversed(groups))


PLUGIN = Knob(
    scope="device",
    touches="tcp",
    problem=cpu_list("none"),
    changes=lambda value: (FileText(RPS_CPUS, cpu_mask(value), "mask"),),
)
