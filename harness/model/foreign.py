"""What somebody else measured, as far as their file tells it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Foreign:
    """One run of a load tool against one architecture. What the file does not tell is None, or empty.

    `where` and `architecture` name the row, from the file or from its name; `transport` is "tcp" or "uds" where the
    architecture's name says so, "" where not. Times are in microseconds, as exact as `resolution_us` of the tool.
    `latency_us` are single times, in the tool's order.
    """

    source: Path
    format: str  # the reader's name: "ab-text", "wrk", ...
    where: str = ""
    architecture: str = ""
    transport: str = ""
    requests: int | None = None
    failures: Mapping[str, int] = field(default_factory=dict)
    connections: int | None = None
    duration_s: float | None = None
    requests_per_s: float | None = None
    mean_us: float | None = None
    mean_resolution_us: float | None = None
    percentiles_us: Mapping[float, float] = field(default_factory=dict)
    resolution_us: float | None = None
    latency_us: tuple[float, ...] = ()
    remarks: tuple[str, ...] = ()  # sentences on what in the file does not add up
