"""What somebody else measured, as far as their file tells it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Foreign:
    """One run of a load tool against one architecture. What the file does not tell is None, or empty.

    `where` and `architecture` name the row, from the file or from its name; `transport` is "tcp" or "uds" where the
    architecture's name says so, "" where not. Times are in microseconds, as exact as `resolution_us` of the tool.
    `latency_us` are single times, in the tool's order. `requests` are those that were answered right, `failures` the
    others by kind.
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


@dataclass(frozen=True, slots=True)
class Reader:
    """A format of such files. `recognises` is asked with the whole text; `read` is given the text and a run that knows
    its file, and gives that run with what each of the text's runs says, and raises ValueError with sentences on what
    keeps the text from being read: an end that is missing, above all.
    """

    recognises: Callable[[str], bool]
    read: Callable[[str, Foreign], Sequence[Foreign]]
