"""Output of load generators that is not read, each with what to use instead."""

import re
from dataclasses import dataclass

from harness.model import Marks

TABLE = "write its numbers into a CSV table with the columns architecture, requests_per_s and ms_per_request"
K6 = "run k6 with --summary-export FILE and give that file"


@dataclass(frozen=True, slots=True)
class Unread:
    """`what` it is, for "This is ...", and what to do `instead`."""

    what: str
    instead: str
    marks: Marks
    is_by_line: bool = False


def _printed(what: str, instead: str, *begins: str) -> Unread:
    return Unread(what, instead, Marks(begins=re.compile("|".join(f"^{one}" for one in begins), re.MULTILINE)))


def _json(what: str, instead: str, *keys: str) -> Unread:
    return Unread(what, instead, Marks(keys=(keys,)))


UNREAD = (
    _printed(
        "ab's HTML (ab -w)",
        "run ab without -w, or add -e FILE and give that file",
        r"(?:<p>\n+)?This is ApacheBench.*<i>",
        r"<table.*>\n+<tr.*>Server Software:",
    ),
    _printed(
        "oha's text", "run oha with --output-format json (--json or -j in older releases)", r"Summary:\n+Success rate:"
    ),
    _printed(
        "oha's CSV",
        "run oha with --output-format json",
        r"request-start,DNS,DNS\+dialup,",
    ),
    _printed(
        "the text of k6",
        K6,
        r"running \(\d.*VUs,",
        r"default .*\d+/\d+ VUs",
        r"(?:checks|data_received|data_sent|http_req\w*|iteration_duration|iterations|vus(?:_max)?)\.{3,}:",
    ),
    Unread(
        "what k6 --out json writes",
        K6,
        Marks(keys=(("type", "metric", "data"),)),
        is_by_line=True,
    ),
    _printed(
        "what k6 --out csv writes",
        K6,
        "metric_name,timestamp,metric_value",
    ),
    _printed(
        "vegeta's text",
        "run vegeta report -type=json on the results",
        r"Requests +\[total, rate",
        r"Bucket +# +% +Histogram",
        r"Value\(ms\) +Percentile +TotalCount",
    ),
    _printed(
        "the text of autocannon",
        "run autocannon with --json",
        r"Running .+ test @ .+\n+\d+ connections",
        r"[\u2502|]? *Stat +.*2\.5%",
        r"Stat +Avg +Stdev +Max\nLatency \(ms\)",
    ),
    _printed(
        "the text of bombardier",
        "run bombardier with -l -o json",
        r"Bombarding \S+ ",
        r"Statistics +Avg +Stdev +Max\nReqs/sec",
    ),
    _printed(
        "what locust prints",
        "run locust with --csv PREFIX and give PREFIX_stats.csv",
        r"Type +Name +# reqs",
        r"Name +# reqs +# fails",
        r"Response time percentiles \(approximated\)",
    ),
    _printed(
        "the text of siege",
        TABLE,
        r"\*\* SIEGE \d",
        r"Transactions: +[\d.]+ +hits",
    ),
    _json("siege's JSON", TABLE, "transactions", "availability", "elapsed_time"),
    _printed("the text of drill", TABLE, r"Time taken for tests +[\d.]+ seconds\nTotal requests"),
    _printed("the text of plow", TABLE, r"Benchmarking \S+ (?:for .*)?using \d+ connection", r"Summary:\n+Elapsed"),
    _printed("the text of rewrk", TABLE, r"Beginning round \d", r"Benchmarking \d+ connections @"),
    _printed("the text of go-wrk", TABLE, r"Running .+ test @ .+\n+\d+ goroutine"),
    _printed("the text of cassowary", TABLE, r"Starting Load Test with \d+ requests"),
    _printed("the text of httperf", TABLE, r"httperf --", r"Total: connections \d+ requests"),
    _printed("the text of weighttp", TABLE, r"weighttp - a "),
    _printed("the text of artillery", TABLE, r"Summary report @", r"http\.response_time:"),
    _json("artillery's JSON", TABLE, "aggregate.counters", "aggregate.summaries"),
    _printed("the text of Gatling", TABLE, r"-+ Global Information -+", r"> request count +\d"),
    _printed("the text of JMeter", TABLE, r"summary [=+] +\d+ in "),
    _printed("JMeter's results", TABLE, r"timeStamp,elapsed,label,responseCode"),
    _printed("the text of Fortio", TABLE, r"Fortio \d\S* running at", r"Aggregated Function Time"),
    _json("Fortio's JSON", TABLE, "DurationHistogram", "ActualQPS"),
    _printed("the text of ghz", TABLE, r"Summary:\n+Count:"),
    _printed("a page in HTML", "give the file that the tool wrote, as text, CSV or JSON", r"<!DOCTYPE html", r"<html"),
)
