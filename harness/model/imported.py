"""Imported results: a run of another load generator, and the formats of such files."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from harness.model.plugins import ToolResult

TOLERANCE = 0.01  # of numbers that a tool calculates from each other: far above the rounding to three digits


def is_consistent(value: float, implied: float, rounding: float = 0.0) -> bool:
    """Return whether two numbers of a run that must be equal are equal, within TOLERANCE and a relative `rounding`."""
    return abs(value / implied - 1) <= TOLERANCE + rounding


@dataclass(frozen=True, slots=True)
class ImportedRun:
    """One run of a load tool against one architecture. Values that the file does not record are None or empty.

    `where` and `architecture` name the row, from the file or from its name; `transport` is "tcp" or "uds" if the name
    of the architecture contains it, or else "". Times are in microseconds, with the tool's `resolution_us`.
    `latency_us` are single times, in the tool's order. `requests` were answered correctly, `failures` are the others by
    kind. With `is_rate_asked` the rate was requested from the tool and does not describe the server, and times may
    count from the scheduled send.
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
    remarks: tuple[str, ...] = ()  # sentences on inconsistencies in the file

    @property
    def in_flight(self) -> float | None:
        """Return the mean number of requests in flight, by Little's law; None if unknown, or with a requested rate."""
        if self.is_rate_asked or not (self.requests_per_s and self.mean_us):
            return None
        return self.requests_per_s * self.mean_us / 1e6

    def with_result(self, result: ToolResult) -> Self:
        """Return the run with the numbers of `result`."""
        return replace(
            self,
            requests=result.requests,
            failures=result.failures,
            duration_s=result.duration_s or None,
            mean_us=result.mean_us or None,
            mean_resolution_us=result.resolution_us,
            percentiles_us=result.percentiles_us,
            resolution_us=result.resolution_us,
            latency_us=result.latency_us,
        )


@dataclass(frozen=True, slots=True)
class FormatMarks:
    """How to find a run of a format in a larger text: by one of the two fields.

    `begins` matches the beginning of a run, in a text with tabs as blanks and without trailing blanks. `keys` are the
    keys of its JSON document, each as a path ("summary.requestsPerSec"); any one of several sets is enough.
    """

    begins: re.Pattern[str] | None = None
    keys: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class ImportFormat:
    """A format of such files: a run is found by `marks`, and ends where the next one of any format begins.

    `help` is one line on what is read. `read` takes the text of one run and a run with its file, and returns one or
    more runs with the values of the text. It raises ValueError with sentences on why the text cannot be read, such as a
    missing end. `knows` matches each line that the tool can print, to detect unread lines; None if `read` rejects them
    itself. `has_tabs`: tabs separate columns. `is_by_line`: each line is a JSON document. `rate_option` is the tool's
    option for a rate, if its output does not show whether a rate was requested.
    """

    help: str
    marks: FormatMarks
    read: Callable[[str, ImportedRun], Sequence[ImportedRun]]
    knows: re.Pattern[str] | None = None
    has_tabs: bool = False
    is_by_line: bool = False
    rate_option: str = ""
