"""CPUs that packets of lo are received on (receive packet steering), like "0-1"; "none": where they were sent."""

from harness.model import KnobValue
from harness.model.knobs import FileText, Knob, cpus_of

FILE = "/sys/class/net/lo/queues/rx-0/rps_cpus"  # Documentation/networking/scaling.rst


def problem(value: KnobValue) -> str | None:
    try:
        mask(value)
    except ValueError:
        return 'must be a list of CPUs like "0-1" or "0,2", or "none".'
    return None


def mask(value: KnobValue) -> str:
    """The kernel's form of a list of CPUs: groups of 32 bits in hexadecimal. Raises ValueError."""
    bits = sum(1 << cpu for cpu in (() if value == "none" else cpus_of(str(value))))
    text = f"{bits:x}"
    groups = [text[max(end - 8, 0) : end] for end in range(len(text), 0, -8)]
    return ",".join(reversed(groups))


PLUGIN = Knob(
    scope="device",
    touches="tcp",
    problem=problem,
    changes=lambda value: (FileText(FILE, mask(value), "mask"),),
)
