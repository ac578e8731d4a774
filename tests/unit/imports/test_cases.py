"""Files of other load tools as users have them: damaged, capped, without times, at a rate that was asked for."""

import json
from pathlib import Path

import pytest

from harness.analysis.validation.files import imported_rows
from harness.errors import ConfigError
from harness.imports.read import read_runs
from harness.model import ImportedRun

DATA = Path(__file__).parents[2] / "data" / "foreign"


def one(name: str) -> ImportedRun:
    (run,) = read_runs(DATA / name)
    return run


def read(directory: Path, text: str, name: str = "tcp.txt") -> ImportedRun:
    path = directory / name
    path.write_text(text, encoding="utf-8")
    (run,) = read_runs(path)
    return run


def all_remarks(run: ImportedRun) -> str:
    return " ".join(run.remarks)


def test_a_blank_at_the_end_of_a_line_hides_no_failure() -> None:
    assert one("ab/non2xx-trailing-blank.txt").failures == {"status not 2xx": 1000}
    assert one("wrk-latency/socket-errors-trailing-blank.txt").failures == {"timeout": 99}


def test_a_blank_at_the_end_of_a_line_hides_no_percentile() -> None:
    assert one("wrk-latency/trailing-blank.txt").percentiles_us[99.0] == 1_560_000.0


def test_output_that_was_indented_or_padded_has_the_numbers_of_the_clean_one() -> None:
    assert (one("wrk/indented.txt").requests, one("wrk/indented.txt").mean_us) == (22464657, 635.91)
    padded = one("ab/padded.txt")
    assert (padded.requests, padded.mean_us, padded.percentiles_us[99.0]) == (1000, 50_000.0, 90_000.0)
    assert one("hey/tabs-to-blanks.txt").percentiles_us == one("hey/double-percent.txt").percentiles_us


def test_hey_with_two_percent_signs_has_all_percentiles() -> None:
    found = one("hey/double-percent.txt").percentiles_us
    assert [found[percent] for percent in (50.0, 75.0, 99.0)] == pytest.approx([100.0, 200.0, 6100.0])


def test_hey_that_counted_more_than_it_keeps_has_no_mean() -> None:
    run = one("hey/over-a-million.txt")
    assert (run.requests, run.mean_us, run.requests_per_s) == (1_000_000, None, 16104.9422)
    assert run.percentiles_us[99.0] == pytest.approx(138_300)
    assert "hey keeps 1,000,000 results: of about 1,933,437 requests" in all_remarks(run)


def test_hey_that_made_exactly_what_it_keeps_has_its_mean(tmp_path: Path) -> None:
    text = (DATA / "hey/over-a-million.txt").read_text(encoding="utf-8").replace("16104.9422", "8329.6960")
    run = read(tmp_path, text)
    assert run.mean_us == 120_000.0
    assert "keeps" not in all_remarks(run)


def test_a_csv_of_hey_with_as_many_rows_as_it_keeps_is_remarked_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (DATA / "hey-csv/ok.csv").read_text()
    monkeypatch.setattr("harness.imports.formats.hey.MAX_RESULTS", text.count("\n") - 1)
    run = read(tmp_path, text)
    assert run.mean_us is None
    assert "the maximum of hey" in all_remarks(run)


@pytest.mark.parametrize("name", ["wrk/zero-times.txt", "wrk-latency/zero-times-answered.txt"])
def test_wrk_that_measured_no_times_has_neither_mean_nor_percentiles(name: str) -> None:
    run = one(name)
    assert (run.mean_us, run.percentiles_us) == (None, {})
    assert run.requests_per_s
    assert run.remarks[0].startswith("wrk measured no times")


@pytest.mark.parametrize("name", ["wrk2/rate-2000.txt", "wrk2/low-rate.txt"])
def test_wrk2_is_known_by_its_rate_that_was_asked_for(name: str) -> None:
    run = one(name)
    assert run.is_rate_asked
    assert "sends at a given rate (-R)" in run.remarks[0]
    assert len(run.remarks) == 1


def test_wrk2_with_both_distributions_gives_the_times_from_when_a_request_was_meant_to_be_sent(tmp_path: Path) -> None:
    text = (DATA / "wrk2/low-rate.txt").read_text()
    second = (
        "  Latency Distribution (HdrHistogram - Uncorrected Latency (measured without taking delayed starts into "
        "account))\n 99.000%    1.00ms\n----------"
    )
    assert read(tmp_path, text.replace("----------", second, 1)).percentiles_us[99.0] == 2170.0


@pytest.mark.parametrize(
    ("unit", "us"),
    [("us", 1.56), ("ms", 1560.0), ("s", 1.56e6), ("m", 93.6e6), ("h", 5616e6)],
    ids=lambda one: str(one),
)
def test_wrk_times_have_any_of_its_units(unit: str, us: float, tmp_path: Path) -> None:
    text = (DATA / "wrk-latency/trailing-blank.txt").read_text()
    assert read(tmp_path, text.replace("1.56s", f"1.56{unit}")).percentiles_us[99.0] == pytest.approx(us)


def test_vegeta_sends_at_a_rate_that_was_asked_for() -> None:
    assert one("vegeta/ok.json").is_rate_asked
    assert one("vegeta-results/mixed.json").is_rate_asked
    assert not one("ab/ok.txt").is_rate_asked


def test_a_round_rate_of_a_tool_that_may_have_been_asked_for_it_is_remarked_on(tmp_path: Path) -> None:
    report = json.loads((DATA / "oha/ok.json").read_text())
    report["summary"] |= {"requestsPerSec": 1999.8, "total": 13.57}
    assert "may have been set (-q)" in all_remarks(read(tmp_path, json.dumps(report)))


def test_ab_without_percentiles_is_read_and_says_so() -> None:
    run = one("ab/d.txt")
    assert (run.mean_us, run.percentiles_us, run.requests) == (50_000.0, {}, 1000)
    assert "ab ran with -d" in run.remarks[0]


def test_ab_with_percentiles_longer_than_the_run_is_remarked_on(tmp_path: Path) -> None:
    text = (DATA / "ab/ok.txt").read_text()
    assert " 100%      6 (longest" in text
    run = read(tmp_path, text.replace(" 100%      6 (longest", " 100%  9223372036854775 (longest"))
    assert "is longer than the whole run of 0.06 s" in all_remarks(run)


def test_utf_16_is_read_by_its_mark() -> None:
    assert one("ab/utf16.txt").percentiles_us == one("ab/padded.txt").percentiles_us


def test_two_runs_of_h2load_are_two() -> None:
    runs = read_runs(DATA / "h2load/two-runs.txt")
    assert [(run.requests, run.mean_us, run.connections) for run in runs] == [(1312, 758.0, 1), (10, 187_830.0, 1)]
    assert not any(run.remarks for run in runs)


def test_the_clients_of_all_threads_of_h2load_are_its_connections(tmp_path: Path) -> None:
    text = (DATA / "h2load/ok.txt").read_text()
    thread = next(line for line in text.splitlines() if line.startswith("spawning thread"))
    tls = "TLS Protocol: TLSv1.3\nCipher: TLS_AES_256_GCM_SHA384\nServer Temp Key: X25519 253 bits"
    run = read(tmp_path, text.replace(thread, f"{thread}\n{thread.replace('#0', '#1')}\n{tls}"))
    assert (run.connections, run.remarks) == (2 * (one("h2load/ok.txt").connections or 0), ())


def test_ab_followed_by_wrk_is_two_runs() -> None:
    runs = read_runs(DATA / "mixed/ab-then-wrk.txt")
    assert [(run.format, run.requests_per_s) for run in runs] == [("ab", 2000.0), ("wrk", 7258.34)]


def test_k6_with_nulls_has_no_request_that_was_answered() -> None:
    run = one("k6/export-nulls.json")
    assert (run.requests, run.mean_us, run.percentiles_us) == (0, None, {})
    assert "No request was answered" in run.remarks[0]


@pytest.mark.parametrize("name", ["k6/machine-readable.json", "k6/float-count.json"])
def test_every_shape_of_k6_counts_in_whole_numbers(name: str) -> None:
    run = one(name)
    assert (run.requests, run.failures, run.mean_us, run.percentiles_us[95.0]) == (200, {}, 1200.0, 3000.0)
    assert isinstance(run.requests, int)


def test_failed_requests_of_the_k6_summary_for_machines_are_counted(tmp_path: Path) -> None:
    text = (DATA / "k6/machine-readable.json").read_text().replace('"matches": 0', '"matches": 20')
    assert (read(tmp_path, text).requests, read(tmp_path, text).failures) == (180, {"failed": 20})


def test_k6_that_dropped_iterations_was_asked_for_a_rate(tmp_path: Path) -> None:
    summary = json.loads((DATA / "k6/export-ok.json").read_text())
    assert not read(tmp_path, json.dumps(summary)).is_rate_asked
    summary["metrics"]["dropped_iterations"] = {"count": 12, "rate": 1.2}
    run = read(tmp_path, json.dumps(summary))
    assert run.is_rate_asked
    assert "say nothing about the server" in all_remarks(run)


def test_k6_that_does_not_count_failures_says_so() -> None:
    assert "failed requests count as answered correctly" in all_remarks(one("k6/float-count.json"))
    assert not one("k6/machine-readable.json").remarks


def test_write_errors_of_ab_are_failures(tmp_path: Path) -> None:
    text = (DATA / "ab/ok.txt").read_text()
    run = read(tmp_path, text.replace("Total transferred:", "Write errors:           3 \nTotal transferred:"))
    assert (run.requests, run.failures) == (200, {"write": 3})


@pytest.mark.parametrize("count", [200, 200.0, "200", "200.0"])
def test_a_count_may_be_written_as_any_number(count: object, tmp_path: Path) -> None:
    summary = json.loads((DATA / "k6/float-count.json").read_text())
    summary["metrics"]["http_reqs"]["count"] = count
    assert read(tmp_path, json.dumps(summary)).requests == 200


@pytest.mark.parametrize("count", [200.5, "many", -1, None])
def test_what_is_no_count_is_refused(count: object, tmp_path: Path) -> None:
    summary = json.loads((DATA / "k6/float-count.json").read_text())
    summary["metrics"]["http_reqs"]["count"] = count
    with pytest.raises(ConfigError, match="count"):
        read(tmp_path, json.dumps(summary))


def test_a_table_of_locust_before_1_0_is_read() -> None:
    run = one("locust/old_stats.csv")
    assert (run.architecture, run.requests, run.mean_us) == ("old", 7, 160_000.0)
    assert (run.percentiles_us[99.0], run.percentiles_us[99.999]) == (520_000.0, 520_000.0)
    assert "the rows above have 1" in run.remarks[0]


def test_bombardier_is_read_with_its_failures() -> None:
    assert (one("bombardier/one.json").requests, one("bombardier/one.json").mean_us) == (100, 212518.7)
    run = one("bombardier/mixed.json")
    assert (run.requests, run.failures) == (9024, {"status 5xx": 1003, "no answer": 2})
    assert run.percentiles_us == {50.0: 713.0, 75.0: 821.0, 90.0: 1104.0, 95.0: 1450.0, 99.0: 2417.0, 100.0: 17333.0}


def test_bombardier_at_a_rate_is_known_by_it(tmp_path: Path) -> None:
    text = (DATA / "bombardier/mixed.json").read_text().replace('"stream"', '"rate":5000,"stream"')
    assert read(tmp_path, text).is_rate_asked


def test_autocannon_is_read_in_milliseconds_with_its_failures() -> None:
    run = one("autocannon/mixed.json")
    assert (run.requests, run.failures) == (19004, {"status 5xx": 2112, "timeout": 1, "no answer": 2})
    assert (run.mean_us, run.percentiles_us[97.5], run.connections) == (4210.0, 7000.0, 10)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("** SIEGE 4.0.4\n** Preparing 25 concurrent users for battle.\n", "the text of siege"),
        ('{"transactions": 200, "availability": 100.0, "elapsed_time": 3.2}', "siege's JSON"),
        ("Bombarding http://h/ for 30s using 1 connection(s)\nDone!\n", "run bombardier with -l -o json"),
        ("Running 10s test @ http://h\n10 connections with 10 pipelining factor\n", "run autocannon with --json"),
        (" Type     Name      # reqs      # fails |   Avg\n", "give PREFIX_stats.csv"),
        ("Summary:\n  Elapsed  8.6s\n", "the text of plow"),
        ("Time taken for tests      1.1 seconds\nTotal requests            1000\n", "the text of drill"),
        ("metric_name,timestamp,metric_value,check\n", "run k6 with --summary-export FILE"),
        ("request-start,DNS,DNS+dialup,Response-delay\n", "run oha with --output-format json"),
        ("timeStamp,elapsed,label,responseCode\n", "JMeter's results"),
        ("    http_req_duration....: avg=1ms p(95)=2ms\n", "run k6 with --summary-export FILE"),
        ("<!DOCTYPE html>\n<html>\n", "a page in HTML"),
    ],
)
def test_output_that_is_not_read_is_named_with_what_to_use_instead(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is not read\. Instead, ") as caught:
        read(tmp_path, text)
    assert said in str(caught.value)


def test_a_file_that_is_compressed_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "tcp.txt.gz"
    path.write_bytes(b"\x1f\x8b\x08\x00")
    with pytest.raises(ConfigError, match=r"compressed\. Unpack it with gunzip"):
        read_runs(path)


H2LOAD_STREAMS = """starting benchmark...
spawning thread #0: 50 total client(s). 50000 total requests
spawning thread #1: 50 total client(s). 50000 total requests
TLS Protocol: TLSv1.3
Cipher: TLS_AES_256_GCM_SHA384
Server Temp Key: X25519 253 bits
Application protocol: h2

finished in 6.32s, 15830.12 req/s, 3.02MB/s
requests: 100000 total, 100000 started, 100000 done, 100000 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 100000 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 19.07MB (20001200) total, 1.24MB (1300120) headers (space savings 93.10%), 14.31MB (15000000) data
                     min         max      median         p95         p99        mean         sd        +/- sd
request     :      812us    402.11ms     55.20ms    110.32ms    187.44ms     61.77ms     30.11ms    78.42%
connect     :    12.11ms     48.20ms     29.00ms     44.01ms     47.30ms     29.81ms      9.02ms    60.00%
TTFB        :    40.02ms    120.93ms     80.10ms    110.04ms    119.32ms     81.00ms     17.11ms    66.00%
req/s       :     158.31      171.22      163.02      169.11      170.87      163.44       2.90    68.00%
"""


def test_requests_on_one_connection_of_h2load_at_once_are_no_contradiction(tmp_path: Path) -> None:
    run = read(tmp_path, H2LOAD_STREAMS)
    (row,) = imported_rows([run])
    assert (run.connections, run.percentiles_us[99.0], row.adds_up) == (1000, 187_440.0, True)
    assert "each of its 100 connections had at least 10 requests in flight (h2load -m)" in all_remarks(run)
    assert len(run.remarks) == 1


def test_an_answer_of_another_length_is_explained_and_not_taken_for_two_failures() -> None:
    found = all_remarks(one("ab/length.txt"))
    assert "76 of its failed requests have another length than the first answer" in found
    assert "Up to 20 of its failed requests are counted twice" in found
    assert "length" not in all_remarks(one("ab/non2xx-trailing-blank.txt"))


def test_locust_counts_the_kinds_of_requests_that_were_made(tmp_path: Path) -> None:
    header = "Type,Name,Request Count,Failure Count,Average Response Time,Requests/s,50%,99%"
    never = "GET,/never,0,0,0,0.0,N/A,N/A"
    kinds = ["GET,/items,90,0,10.5,9.0,10,20", "POST,/login,10,1,20.5,1.0,20,30"]
    both = "\n".join([header, *kinds, never, ",Aggregated,100,1,11.5,10.0,10,30\n"])
    assert read(tmp_path, both).remarks == ("Its numbers are those of 2 kinds of requests together.",)
    single = "\n".join([header, kinds[0], never, ",Aggregated,90,0,10.5,9.0,10,20\n"])
    assert read(tmp_path, single).remarks == ()


def test_times_of_failed_requests_are_in_those_of_vegeta() -> None:
    assert "include those of the 30 failed requests" in all_remarks(one("vegeta/refused.json"))
    assert all("its requests/s say nothing" in remark for remark in one("vegeta/ok.json").remarks)
