"""Finds rungs that are not available on this machine, by a trial that leaves nothing behind."""

from collections.abc import Iterator

from harness.lab.network.trial import network_rung_problems
from harness.lab.sandbox.trial import sandbox_problems
from harness.model import Settings


def rung_problems(settings: Settings) -> Iterator[str]:
    """Yield why an arm's rungs are not available here; its other settings do not matter."""
    yield from network_rung_problems(settings)
    yield from sandbox_problems(settings)
