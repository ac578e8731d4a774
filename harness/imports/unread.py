"""The parts of a file that are not read: known output, with what to use instead, and unknown lines."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.imports.parts import TextPart
from harness.model import FormatMarks, ImportFormat

TO_TABLE = "write its numbers into a CSV table with the columns architecture, requests_per_s and ms_per_request"
TO_K6_SUMMARY = "run k6 with --summary-export FILE and give that file"
SHELL_LINE = re.compile(  # of shells, terminals, containers and spreadsheets
    r"(?:[$#%>+] |PS [^>]*>|\S+@\S+[:~ ].*[$#%]|Script (?:started|done)|sep=|Attaching to |real\s|user\s|sys\s).*"
    r"|\S+ exited with code \d+|COMMAND_EXIT_CODE=.*|##?\[.*"
)
MAX_SHOWN_CHARS = 60


@dataclass(frozen=True, slots=True)
class UnreadOutput:
    """Output that is not read, and what to do `instead`."""

    instead: str
    marks: FormatMarks


def _text(instead: str, *begins: str) -> UnreadOutput:
    return UnreadOutput(instead, FormatMarks(re.compile("|".join(f"^{begin}" for begin in begins), re.MULTILINE)))


def _json(instead: str, *keys: str, is_by_line: bool = False) -> UnreadOutput:
    return UnreadOutput(instead, FormatMarks(keys=(keys,), is_by_line=is_by_line))


UNREAD = {  # by what it is, for "This is ..."
    "ab's HTML (ab -w)": _text(
        "run ab without -w, or add -e FILE and give that file",
        r"(?:<p>\n+)?This is ApacheBench.*<i>",
        r"<table.*>\n+<tr.*>Server Software:",
    ),
    "oha's text": _text(
        "run oha with --output-format json (--json or -j in older releases)", r"Summary:\n+Success rate:"
    ),
    "oha's CSV": _text("run oha with --output-format json", r"request-start,DNS,DNS\+dialup,"),
    "the text of k6": _text(
        TO_K6_SUMMARY,
        r"running \(\d.*VUs,",
        r"default .*\d+/\d+ VUs",
        r"(?:checks|data_received|data_sent|http_req\w*|iteration_duration|iterations|vus(?:_max)?)\.{3,}:",
    ),
    "what k6 --out json writes": _json(TO_K6_SUMMARY, "type", "metric", "data", is_by_line=True),
    "what k6 --out csv writes": _text(TO_K6_SUMMARY, "metric_name,timestamp,metric_value"),
    "vegeta's text": _text(
        "run vegeta report -type=json on the results",
        r"Requests +\[total, rate",
        r"Bucket +# +% +Histogram",
        r"Value\(ms\) +Percentile +TotalCount",
    ),
    "the text of autocannon": _text(
        "run autocannon with --json",
        r"Running .+ test @ .+\n+\d+ connections",
        r"[\u2502|]? *Stat +.*2\.5%",
        r"Stat +Avg +Stdev +Max\nLatency \(ms\)",
    ),
    "the text of bombardier": _text(
        "run bombardier with -l -o json", r"Bombarding \S+ ", r"Statistics +Avg +Stdev +Max\nReqs/sec"
    ),
    "what locust prints": _text(
        "run locust with --csv PREFIX and give PREFIX_stats.csv",
        r"Type +Name +# reqs",
        r"Name +# reqs +# fails",
        r"Response time percentiles \(approximated\)",
    ),
    "the text of siege": _text(TO_TABLE, r"\*\* SIEGE \d", r"Transactions: +[\d.]+ +hits"),
    "siege's JSON": _json(TO_TABLE, "transactions", "availability", "elapsed_time"),
    "the text of drill": _text(TO_TABLE, r"Time taken for tests +[\d.]+ seconds\nTotal requests"),
    "the text of plow": _text(TO_TABLE, r"Benchmarking \S+ (?:for .*)?using \d+ connection", r"Summary:\n+Elapsed"),
    "the text of rewrk": _text(TO_TABLE, r"Beginning round \d", r"Benchmarking \d+ connections @"),
    "the text of go-wrk": _text(TO_TABLE, r"Running .+ test @ .+\n+\d+ goroutine"),
    "the text of cassowary": _text(TO_TABLE, r"Starting Load Test with \d+ requests"),
    "the text of httperf": _text(TO_TABLE, r"httperf --", r"Total: connections \d+ requests"),
    "the text of weighttp": _text(TO_TABLE, r"weighttp - a "),
    "the text of artillery": _text(TO_TABLE, r"Summary report @", r"http\.response_time:"),
    "artillery's JSON": _json(TO_TABLE, "aggregate.counters", "aggregate.summaries"),
    "the text of Gatling": _text(TO_TABLE, r"-+ Global Information -+", r"> request count +\d"),
    "the text of JMeter": _text(TO_TABLE, r"summary [=+] +\d+ in "),
    "JMeter's results": _text(TO_TABLE, r"timeStamp,elapsed,label,responseCode"),
    "the text of Fortio": _text(TO_TABLE, r"Fortio \d\S* running at", r"Aggregated Function Time"),
    "Fortio's JSON": _json(TO_TABLE, "DurationHistogram", "ActualQPS"),
    "the text of ghz": _text(TO_TABLE, r"Summary:\n+Count:"),
    "a page in HTML": _text("give the file that the tool wrote, as text, CSV or JSON", r"<!DOCTYPE html", r"<html"),
}


def unread_remarks(parts: Sequence[TextPart], formats: Mapping[str, ImportFormat]) -> Iterator[str]:
    """Yield a sentence for each kind of known output that is not read, and one on all lines with unknown numbers."""
    for name in dict.fromkeys(part.name for part in parts if part.name in UNREAD):
        yield f"The file also holds {name}, which is not read. Instead, {UNREAD[name].instead}."
    lines = [line for part in parts for line in _unknown_lines(part, formats)]
    if lines:
        yield f"Lines in no known form were not read: {len(lines)}, the first {shorten_line(lines[0])!r}."


def _unknown_lines(part: TextPart, formats: Mapping[str, ImportFormat]) -> Iterator[str]:
    """Yield the lines that belong to no run, or that its tool does not print. Without a digit they hold no result."""
    known = formats[part.name].knows if part.name in formats else None
    if part.name and known is None:  # not read, or its reader refuses such lines
        return
    for line in part.text.split("\n"):
        if re.search(r"\d", line) and not SHELL_LINE.fullmatch(line) and not (known and known.fullmatch(line)):
            yield line


def unreadable(parts: Sequence[TextPart], formats: Mapping[str, ImportFormat]) -> str:
    """Return the end of a sentence on a file without a run, which begins with its name."""
    name = next((part.name for part in parts if part.name), "")
    if name:
        return f"is {name}, which is not read. Instead, {UNREAD[name].instead}."
    first_line = shorten_line("".join(part.text for part in parts).strip().split("\n")[0])
    return (
        f"begins with {first_line!r}, which is no known format, or too little of one. Give it as the tool wrote it; "
        f"these formats can be read: {', '.join(formats)}."
    )


def shorten_line(line: str) -> str:
    """Return the line, or its beginning if it is long."""
    return line if len(line) <= MAX_SHOWN_CHARS else f"{line[: MAX_SHOWN_CHARS - 3]}..."
