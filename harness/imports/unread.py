"""Known output of load tools that is not read, each with what to use instead."""

import re
from dataclasses import dataclass

from harness.model import FormatMarks

TO_TABLE = "write its numbers into a CSV table with the columns architecture, requests_per_s and ms_per_request"
TO_K6_SUMMARY = "run k6 with --summary-export FILE and give that file"


@dataclass(frozen=True, slots=True)
class UnreadOutput:
    """Output that is not read: `what` it is, for "This is ...", and what to do `instead`."""

    what: str
    instead: str
    marks: FormatMarks
    is_by_line: bool = False


def _text(what: str, instead: str, *begins: str) -> UnreadOutput:
    return UnreadOutput(
        what, instead, FormatMarks(begins=re.compile("|".join(f"^{begin}" for begin in begins), re.MULTILINE))
    )


def _json(what: str, instead: str, *keys: str) -> UnreadOutput:
    return UnreadOutput(what, instead, FormatMarks(keys=(keys,)))


UNREAD = (
    _text(
        "ab's HTML (ab -w)",
        "run ab without -w, or add -e FILE and give that file",
        r"(?:<p>\n+)?This is ApacheBench.*<i>",
        r"<table.*>\n+<tr.*>Server Software:",
    ),
    _text(
        "oha's text", "run oha with --output-format json (--json or -j in older releases)", r"Summary:\n+Success rate:"
    ),
    _text(
        "oha's CSV",
        "run oha with --output-format json",
        r"request-start,DNS,DNS\+dialup,",
    ),
    _text(
        "the text of k6",
        TO_K6_SUMMARY,
        r"running \(\d.*VUs,",
        r"default .*\d+/\d+ VUs",
        r"(?:checks|data_received|data_sent|http_req\w*|iteration_duration|iterations|vus(?:_max)?)\.{3,}:",
    ),
    UnreadOutput(
        "what k6 --out json writes",
        TO_K6_SUMMARY,
        FormatMarks(keys=(("type", "metric", "data"),)),
        is_by_line=True,
    ),
    _text(
        "what k6 --out csv writes",
        TO_K6_SUMMARY,
        "metric_name,timestamp,metric_value",
    ),
    _text(
        "vegeta's text",
        "run vegeta report -type=json on the results",
        r"Requests +\[total, rate",
        r"Bucket +# +% +Histogram",
        r"Value\(ms\) +Percentile +TotalCount",
    ),
    _text(
        "the text of autocannon",
        "run autocannon with --json",
        r"Running .+ test @ .+\n+\d+ connections",
        r"[\u2502|]? *Stat +.*2\.5%",
        r"Stat +Avg +Stdev +Max\nLatency \(ms\)",
    ),
    _text(
        "the text of bombardier",
        "run bombardier with -l -o json",
        r"Bombarding \S+ ",
        r"Statistics +Avg +Stdev +Max\nReqs/sec",
    ),
    _text(
        "what locust prints",
        "run locust with --csv PREFIX and give PREFIX_stats.csv",
        r"Type +Name +# reqs",
        r"Name +# reqs +# fails",
        r"Response time percentiles \(approximated\)",
    ),
    _text(
        "the text of siege",
        TO_TABLE,
        r"\*\* SIEGE \d",
        r"Transactions: +[\d.]+ +hits",
    ),
    _json("siege's JSON", TO_TABLE, "transactions", "availability", "elapsed_time"),
    _text("the text of drill", TO_TABLE, r"Time taken for tests +[\d.]+ seconds\nTotal requests"),
    _text("the text of plow", TO_TABLE, r"Benchmarking \S+ (?:for .*)?using \d+ connection", r"Summary:\n+Elapsed"),
    _text("the text of rewrk", TO_TABLE, r"Beginning round \d", r"Benchmarking \d+ connections @"),
    _text("the text of go-wrk", TO_TABLE, r"Running .+ test @ .+\n+\d+ goroutine"),
    _text("the text of cassowary", TO_TABLE, r"Starting Load Test with \d+ requests"),
    _text("the text of httperf", TO_TABLE, r"httperf --", r"Total: connections \d+ requests"),
    _text("the text of weighttp", TO_TABLE, r"weighttp - a "),
    _text("the text of artillery", TO_TABLE, r"Summary report @", r"http\.response_time:"),
    _json("artillery's JSON", TO_TABLE, "aggregate.counters", "aggregate.summaries"),
    _text("the text of Gatling", TO_TABLE, r"-+ Global Information -+", r"> request count +\d"),
    _text("the text of JMeter", TO_TABLE, r"summary [=+] +\d+ in "),
    _text("JMeter's results", TO_TABLE, r"timeStamp,elapsed,label,responseCode"),
    _text("the text of Fortio", TO_TABLE, r"Fortio \d\S* running at", r"Aggregated Function Time"),
    _json("Fortio's JSON", TO_TABLE, "DurationHistogram", "ActualQPS"),
    _text("the text of ghz", TO_TABLE, r"Summary:\n+Count:"),
    _text("a page in HTML", "give the file that the tool wrote, as text, CSV or JSON", r"<!DOCTYPE html", r"<html"),
)
