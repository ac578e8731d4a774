"""What another load generator measured, as far as its file records it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Foreign:
    """One run of a load tool against one architecture. What the file does not record is None, or empty.

    `where` and `architecture` name the row, from the file or from its name; `transport` is "tcp" or "uds" where the
    architecture's name says so, "" where not. Times are in microseconds, as exact as `resolution_us` of the tool.
    `latency_us` are single times, in the tool's order. `requests` are those that were answered right, `failures` the
    others by kind. With `is_rate_asked` the rate is the one that the tool was asked to send, so it says nothing of the
    server, and times may count from when a request was meant to be sent.
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
    is_rate_asked: bool = False
    mean_us: float | None = None
    mean_resolution_us: float | None = None
    percentiles_us: Mapping[float, float] = field(default_factory=dict)
    resolution_us: float | None = None
    latency_us: tuple[float, ...] = ()
    remarks: tuple[str, ...] = ()  # sentences on what in the file does not add up


@dataclass(frozen=True, slots=True)
class Marks:
    """How a run of a format is found in a text that may hold more: by one of the two.

    `begins` matches where a run begins, in a text whose lines have no blanks at their ends and whose tabs are blanks.
    `keys` are those that a JSON document has, each as a path ("summary.requestsPerSec"); any of several sets will do.
    """

    begins: re.Pattern[str] | None = None
    keys: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Reader:
    """A format of such files: a run is found by `marks`, and ends where the next one of any format begins.

    `read` is given the text of one run and a run that knows its file, and gives that run with what the text says, or
    several; it raises ValueError with sentences on what keeps the text from being read: an end that is missing, above
    all. `knows` matches each line that the tool can print, so that a line which is not read is noticed; None where
    `read` itself refuses such lines. `has_tabs`: tabs separate columns. `is_by_line`: each line is a JSON document.
    `rate_option` is the tool's option for a rate, where its output does not tell whether one was asked for.
    """

    marks: Marks
    read: Callable[[str, Foreign], Sequence[Foreign]]
    knows: re.Pattern[str] | None = None
    has_tabs: bool = False
    is_by_line: bool = False
    rate_option: str = ""
