"""What a rung is: one kernel mechanism more on the way from bare process to container, as data."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NetworkRung:
    """What lies on the way of a connection. `below` is the rung that it stands on and is compared with; "" for none."""

    below: str


@dataclass(frozen=True, slots=True)
class SandboxRung:
    """What servers run under, beside whatever network they have."""
