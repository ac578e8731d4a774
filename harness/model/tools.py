"""The types of load tools, of import formats, and of their results."""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Self

from harness.model.http import MAX_BODY_BYTES, Target
from harness.model.settings import Settings

BODY_FILE, SCRIPT_INPUT, SCRIPT_OUTPUT = "body", "asked.json", "outcome.json"  # in the directory of a tool
MAX_TOOL_FILE_BYTES = 512 * 1024 * 1024  # of an output file of a tool
TOOL_PERCENTILES = (*map(float, range(100)), 99.9, 100.0)  # that are computed from single times
US_PER_UNIT = {"ns": 1e-3, "us": 1.0, "µs": 1.0, "ms": 1e3, "s": 1e6, "m": 60e6, "h": 3600e6}
TIME_PATTERN = rf"-?[\d.]+(?:{'|'.join(US_PER_UNIT)})"
TOLERANCE = 0.01  # of numbers that a tool calculates from each other: far above the rounding to three digits


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of a run of an outside tool, at its own resolution."""

    requests: int
    failures: Mapping[str, int]
    duration_s: float
    mean_us: float
    percentiles_us: Mapping[float, float]  # 50.0: the median
    resolution_us: float
    sent: int = 0  # all requests, if more were sent than are counted
    latency_us: tuple[float, ...] = ()  # single times of correct answers in the tool's order, if it reports them

    @classmethod
    def from_times(
        cls, latency_us: Sequence[float], failures: Mapping[str, int], duration_s: float, resolution_us: float
    ) -> Self:
        """Return the result from single times; a percentile is the least time that so many requests do not exceed."""
        return cls(
            requests=len(latency_us),
            failures={kind: count for kind, count in failures.items() if count},
            duration_s=duration_s,
            mean_us=fmean(latency_us) if latency_us else 0.0,
            percentiles_us=_percentiles_us(sorted(latency_us)),
            resolution_us=resolution_us,
            latency_us=tuple(latency_us),
        )

    @classmethod
    def from_script_output(cls, tool: str, directory: Path) -> Self:
        """Return the result that our script for `tool` wrote as JSON, with a resolution of 1 ns. Raise ValueError."""
        text = read_tool_file(tool, directory / SCRIPT_OUTPUT)
        try:
            content = json.loads(text)
            return cls.from_times(content["latency_us"], content["failures"], content["duration_s"], 0.001)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{SCRIPT_OUTPUT} is not what our script for {tool} writes: {error!r}.") from error


def _percentiles_us(rising_us: Sequence[float]) -> dict[float, float]:
    if not rising_us:
        return {}
    return {percent: rising_us[max(math.ceil(percent / 100 * len(rising_us)), 1) - 1] for percent in TOOL_PERCENTILES}


def body_file(target: Target, _settings: Settings) -> Mapping[str, str]:
    """Return the body of the request as a file, if it has a length."""
    return {BODY_FILE: target.request.body.decode()} if target.request.has_length else {}


def header_options(*lines: str) -> list[str]:
    """Return options that send each header line."""
    return [word for line in lines for word in ("-H", line)]


@dataclass(frozen=True, slots=True)
class LoadTool:
    """An outside load tool.

    `command(program, target, settings, directory)` is its command line, run in `directory` with standard output to
    stdout.txt there; `read_result(directory)` reads its output, or raises ValueError with a sentence.
    """

    program: str
    version: tuple[str, ...]  # arguments that print its version, if any
    install: str
    command: Callable[[str, Target, Settings, Path], list[str]]
    read_result: Callable[[Path], ToolResult]
    picks_request_count: bool = False  # the tool chooses the number of requests itself
    start_s: float = 0.3  # approximate time of a run besides its requests
    files: Callable[[Target, Settings], Mapping[str, str]] = body_file  # by name: written to `directory` first
    setting_problems: Callable[[Settings], Iterable[str]] = lambda _: ()  # a sentence for each unsupported setting


def script_input(target: Target, settings: Settings) -> Mapping[str, str]:
    """Return the file for a script that sends the requests: the target, and how many requests to send."""
    host = {"Host": target.host_header} if target.host_override else {}
    content = {
        "url": target.url,
        "timeout_s": target.timeout_s,
        "most_body_bytes": MAX_BODY_BYTES,
        "status": target.expected_answer.status if target.expected_answer else None,
        "keepalive": target.keepalive,
        "method": target.request.method,
        "headers": {**host, **dict(target.request.all_headers)},
        "body": target.request.body.decode() if target.request.has_length else None,
        "authority": str(target.ca_file.absolute()) if target.ca_file else None,
        "connections": settings.connections,
        "requests": settings.tool_requests,
        "seconds": settings.tool_seconds,
    }
    return {SCRIPT_INPUT: json.dumps(content)}


def read_tool_file(tool: str, path: Path) -> str:
    """Return the text that `tool` wrote to `path`. Raise ValueError with a sentence if it cannot be read."""
    try:
        if path.stat().st_size > MAX_TOOL_FILE_BYTES:
            raise ValueError(
                f"{tool} left a {path.name} of more than {MAX_TOOL_FILE_BYTES // 1024**2} MiB. Ask for less."
            )
        return path.read_text(errors="replace")
    except OSError as error:
        raise ValueError(f"{tool} left no {path.name} that can be read ({error.strerror}).") from error


def resolution_us(*texts: str) -> float:
    """Return the value of the last digit of the coarsest of `texts`. Raise ValueError."""
    return max(10.0 ** -len(number.partition(".")[2]) * US_PER_UNIT[unit] for number, unit in map(_parts, texts))


def parse_us(text: str) -> float:
    """Return the microseconds of a text like "1.23ms". Raise ValueError."""
    number, unit = _parts(text)
    return float(number) * US_PER_UNIT[unit]


def _parts(text: str) -> tuple[str, str]:
    match = re.fullmatch(r"(-?\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)", text)
    if match is None:
        raise ValueError(f"{text!r} is not a time with a unit, like 1.23ms.")
    return match[1], match[2]


def is_consistent(value: float, implied: float, rounding: float = 0.0) -> bool:
    """Return whether two numbers of a run that must be equal are equal, within TOLERANCE and a relative `rounding`."""
    return abs(value / implied - 1) <= TOLERANCE + rounding


@dataclass(frozen=True, slots=True)
class ImportedRun:
    """One run of a load tool against one architecture. Values that the file does not record are None or empty.

    With `is_rate_asked` the rate was requested from the tool and does not describe the server, and times may count from
    the scheduled send.
    """

    source: Path
    format: str  # the reader's name: "ab-text", "wrk", ...
    where: str = ""  # with `architecture`, the name of the row, from the file or from its name
    architecture: str = ""
    transport: str = ""  # "tcp" or "uds", if the name of the architecture contains it
    requests: int | None = None  # answered correctly
    failures: Mapping[str, int] = field(default_factory=dict)  # the other requests, by kind
    connections: int | None = None
    duration_s: float | None = None
    requests_per_s: float | None = None
    is_rate_asked: bool = False
    mean_us: float | None = None
    mean_resolution_us: float | None = None
    percentiles_us: Mapping[float, float] = field(default_factory=dict)
    resolution_us: float | None = None
    latency_us: tuple[float, ...] = ()  # single times, in the tool's order
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
    """How to find a run of a format in a larger text: by `begins` or `keys`."""

    begins: re.Pattern[str] | None = None  # its beginning, in a text with tabs as blanks and without trailing blanks
    keys: tuple[tuple[str, ...], ...] = ()  # of its JSON document, like "summary.requestsPerSec"; one set is enough
    has_tabs: bool = False  # tabs separate columns
    is_by_line: bool = False  # each line is a JSON document


@dataclass(frozen=True, slots=True)
class ImportFormat:
    """A format of such files: a run is found by `marks`, and ends where the next one of any format begins.

    `read` takes the text of one run and a run with its file, and returns one or more runs with the values of the text.
    It raises ValueError with sentences on why the text cannot be read, such as a missing end.
    """

    help: str  # one line on what is read
    marks: FormatMarks
    read: Callable[[str, ImportedRun], Iterable[ImportedRun]]
    knows: re.Pattern[str] | None = None  # each line that the tool can print; None if `read` rejects unknown lines
    rate_option: str = ""  # of the tool, if its output does not show whether a rate was requested
