"""Why rungs of the ladder cannot be had on this machine: each is tried out of sight, and taken away again."""

from collections.abc import Iterator

from harness.lab.network.trial import network_rung_problems
from harness.lab.sandbox.trial import sandbox_problems
from harness.model import Settings


def rung_problems(settings: Settings) -> Iterator[str]:
    """A sentence for each reason why an arm with these settings cannot be had here; other settings do not matter."""
    yield from network_rung_problems(settings)
    yield from sandbox_problems(settings)
