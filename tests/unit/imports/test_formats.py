"""Results made elsewhere: real files of every tool are read without loss, and damaged ones never read as whole ones."""

import json
import os
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness import plugins
from harness.errors import ConfigError
from harness.imports.read import (
    INPUT_ADVICE,
    architecture_of,
    parse_spec,
    read_all_runs,
    read_runs,
    transport_of,
)
from harness.imports.text import decode_text
from harness.model import ImportedRun, ImportFormat

DATA = Path(__file__).parents[2] / "data" / "foreign"
UNREADABLE = {  # what each says of itself
    "ab/refused.txt": "apr_socket_recv: Connection refused",
    "ab/stall.txt": "Total of 21 requests completed",
    "hey-csv/refused.csv": "no line but its header",
    "locust/mixed_failures.csv": "Give that",
    "locust/ok_stats_history.csv": "Give that",
    "vegeta/not-closed.json": "before they were closed",
    "wrk/refused.txt": "unable to connect",
    "wrk-latency/refused.txt": "unable to connect",
    "wrk/no-units.txt": "its times have no unit",
    "unread/ab-w.html": "ab's HTML (ab -w), which is not read. Instead, run ab without -w",
    "unread/autocannon.txt": "the text of autocannon, which is not read. Instead, run autocannon with --json",
    "unread/k6-out-json.ndjson": "what k6 --out json writes, which is not read. Instead, run k6 with --summary-export",
    "unread/k6-stdout.txt": "the text of k6, which is not read. Instead, run k6 with --summary-export",
    "unread/oha-text-new.txt": "oha's text, which is not read. Instead, run oha with --output-format json",
    "unread/oha-text-old.txt": "oha's text, which is not read. Instead, run oha with --output-format json",
    "unread/vegeta-text.txt": "vegeta's text, which is not read. Instead, run vegeta report -type=json",
}
FILES = sorted(path for path in DATA.rglob("*.*") if str(path.relative_to(DATA)) not in UNREADABLE)
CUTS = 50


def one(name: str) -> ImportedRun:
    (run,) = read_runs(DATA / name)
    return run


def written(directory: Path, text: str, name: str = "tcp.txt") -> Path:
    path = directory / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


def numbers(run: ImportedRun) -> ImportedRun:
    """All but what is said beside them."""
    return replace(run, source=Path(), remarks=())


def read_or_refused(path: Path) -> tuple[tuple[ImportedRun, ...], str]:
    """The runs, or none and what was said."""
    try:
        return read_runs(path), ""
    except ConfigError as error:
        return (), str(error)


def places(text: str, seed: str) -> Iterator[int]:
    """Random ones and, where a cut is hardest to see, all ends of lines."""
    yield from (random.Random(f"{seed}{number}").randrange(len(text)) for number in range(CUTS))
    ends = [place + 1 for place, letter in enumerate(text[:-1]) if letter == "\n"]
    yield from random.Random(seed).sample(ends, min(len(ends), CUTS))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(DATA)))
def test_a_file_cut_anywhere_says_so_or_has_the_same_numbers(path: Path, tmp_path: Path) -> None:
    text = decode_text(path.read_bytes())
    whole = read_runs(path)
    for place in places(text, str(path.relative_to(DATA))):
        runs, refusal = read_or_refused(written(tmp_path, text[:place], path.name))
        assert runs or (path.name in refusal and refusal.endswith("."))
        assert all(numbers(run) == numbers(same) or run.remarks for run, same in zip(runs, whole, strict=False)), place
        assert len(runs) <= len(whole)


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_without_a_finished_run_says_why(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_runs(DATA / name)
    assert UNREADABLE[name] in str(caught.value)


@pytest.mark.parametrize("name", sorted(plugins.table(ImportFormat)))
def test_every_format_has_a_sample(name: str) -> None:
    assert any(run.format == name for path in FILES for run in read_runs(path))


def test_ab_text_has_its_mean_to_a_microsecond_and_percentiles_to_a_millisecond() -> None:
    run = one("ab/ok.txt")
    assert (run.requests, run.failures, run.connections, run.duration_s) == (200, {}, 1, 0.06)
    assert (run.requests_per_s, run.mean_us, run.mean_resolution_us) == (3321.54, 301.0, 1.0)
    assert (run.percentiles_us[100.0], run.resolution_us) == (6000.0, 1000.0)
    assert list(run.percentiles_us) == [50, 66, 75, 80, 90, 95, 98, 99, 100]


def test_ab_failures_are_counted_by_kind() -> None:
    assert one("ab/mixed.txt").failures == {"status not 2xx": 20}
    assert one("ab/length.txt").failures == {"length": 76, "status not 2xx": 20}


def test_several_runs_of_ab_in_one_file_are_repetitions() -> None:
    runs = read_runs(DATA / "ab/three.txt")
    assert [run.requests_per_s for run in runs] == [4839.33, 735.33, 3334.78]


def test_ab_that_made_one_request_has_no_percentiles() -> None:
    assert one("ab/one.txt").mean_us == 9583.0
    assert not one("ab/one.txt").percentiles_us


def test_ab_e_has_each_percentile_to_a_microsecond() -> None:
    run = one("ab-e/ok.csv")
    assert (len(run.percentiles_us), run.percentiles_us[99.0], run.resolution_us) == (101, 437.0, 1.0)


def test_ab_e_of_an_older_release_lacks_the_slowest_and_says_so(tmp_path: Path) -> None:
    text = (DATA / "ab-e/ok.csv").read_text()
    older = written(tmp_path, text[: text.index("100,")])
    assert "slowest request is unknown" in read_runs(older)[0].remarks[0]


def test_ab_g_has_single_times_and_says_that_their_end_cannot_be_seen() -> None:
    run = one("ab-g/reset.tsv")
    assert (run.requests, len(run.latency_us), run.mean_us) == (200, 200, 965.0)
    assert "slowest are missing" in run.remarks[0]


def test_wrk_has_percentiles_with_latency_only() -> None:
    assert list(one("wrk/ok.txt").percentiles_us) == [100.0]
    run = one("wrk-latency/mixed.txt")
    assert (run.mean_us, run.mean_resolution_us, run.percentiles_us[99.0]) == (516.89, 0.01, 6180.0)
    assert (run.requests, run.failures, run.connections) == (13247, {"status over 399": 1472}, 2)
    assert one("wrk-latency/reset.txt").failures == {"read": 975}


def test_wrk_whose_times_exceed_what_its_rate_allows_is_remarked_on() -> None:
    assert "24280.86 requests/s of 2.590 ms each are 62.89 in flight" in one("wrk/c16.txt").remarks[0]


def test_wrk_whose_requests_hung_is_remarked_on() -> None:
    assert "may have hung" in one("wrk/stall.txt").remarks[0]


def test_hey_counts_errors_and_statuses() -> None:
    run = one("hey/stall.txt")
    assert (run.requests, run.failures, run.requests_per_s) == (78, {"no answer": 2}, 39.7068)
    assert (run.mean_us, run.percentiles_us[0.0], run.percentiles_us[100.0]) == (200.0, 100.0, 1500.0)
    assert one("hey/mixed.txt").failures == {"status 500": 20}
    assert len(one("hey-csv/mixed.csv").latency_us) == 180


def test_h2load_counts_what_a_broken_connection_had_before_it() -> None:
    run = one("h2load/reset.txt")
    assert (run.requests, run.failures, run.mean_us) == (8, {"no answer": 192}, 1290.0)


@pytest.mark.parametrize("shape", ["export", "summary"])
def test_both_shapes_of_k6_are_read(shape: str) -> None:
    run = one(f"k6/{shape}-mixed.json")
    assert (run.requests, run.failures) == (180, {"failed": 20})
    assert run.mean_us == pytest.approx({"export": 297.439175, "summary": 313.940835}[shape])
    assert list(run.percentiles_us) == [0.0, 50.0, 90.0, 95.0, 100.0]


def test_k6_times_in_another_unit_are_refused(tmp_path: Path) -> None:
    text = (DATA / "k6/summary-ok.json").read_text().replace('"contains":"time"', '"contains":"data"')
    with pytest.raises(ConfigError, match="not times in ms"):
        read_runs(written(tmp_path, text))


def test_locust_rounds_its_percentiles_to_two_digits() -> None:
    run = one("locust/mixed_stats.csv")
    assert (run.architecture, run.requests, run.failures) == ("mixed", 185, {"failed": 20})
    assert (run.percentiles_us[100.0], run.resolution_us) == (140_000.0, 10_000.0)


def test_pyperf_gives_a_run_for_each_process() -> None:
    runs = read_runs(DATA / "pyperf/ok.json")
    assert [(run.architecture, run.transport, run.requests) for run in runs] == [("tcp", "tcp", 30)] * 2
    assert runs[0].mean_us == pytest.approx(1551.024)


def test_pyperf_of_something_else_than_time_is_refused(tmp_path: Path) -> None:
    text = (DATA / "pyperf/ok.json").read_text().replace('"second"', '"byte"')
    with pytest.raises(ConfigError, match="in bytes, not in seconds"):
        read_runs(written(tmp_path, text))


def test_what_oha_gave_up_at_the_end_is_no_failure() -> None:
    run = one("oha/ok.json")
    assert (run.requests, run.failures, run.remarks) == (27117, {}, ())
    assert run.percentiles_us[99.9] == pytest.approx(59340.313)


def test_vegeta_counts_requests_without_an_answer() -> None:
    assert one("vegeta/refused.json").failures == {"no answer": 30}
    assert one("vegeta-results/mixed.json").failures == {"status 500": 1, "no answer": 1}


def test_the_mean_of_vegeta_must_fit_the_sum_of_its_times(tmp_path: Path) -> None:
    text = (DATA / "vegeta/ok.json").read_text().replace('"mean":4636720', '"mean":4636')
    remarks = read_runs(written(tmp_path, text))[0].remarks
    assert any("is not 6465 times its mean" in remark for remark in remarks)


def test_vegeta_results_with_a_gap_are_refused(tmp_path: Path) -> None:
    first, _, *others = (DATA / "vegeta-results/mixed.json").read_text().splitlines(keepends=True)
    with pytest.raises(ConfigError, match="seq 1 is missing"):
        read_runs(written(tmp_path, "".join([first, *others])))


def test_the_write_up_has_one_row_that_does_not_add_up() -> None:
    runs = read_runs(DATA / "table/seed.csv")
    assert [(run.where, run.architecture) for run in runs if run.remarks] == [("docker-desktop-macos", "combined")]
    assert [run.transport for run in runs[:3]] == ["tcp", "uds", "uds"]
    (remark,) = runs[2].remarks
    assert remark.startswith(
        "1.871 ms per request does not fit 705.55 requests/s: with one connection that is 1.417 ms"
    )


@pytest.mark.parametrize(("ms", "said"), [("1471", "as if it were in us"), ("0.001471", "as if it were in s")])
def test_a_table_in_another_unit_is_remarked_on(ms: str, said: str, tmp_path: Path) -> None:
    text = f"architecture,requests_per_s,ms_per_request\ntcp,679.77,{ms}\n"
    (run,) = read_runs(written(tmp_path, text))
    assert said in run.remarks[0]
    assert run.mean_us == pytest.approx(1000 * float(ms))


def test_a_table_may_say_how_many_connections_there_were(tmp_path: Path) -> None:
    header = "architecture,requests_per_s,ms_per_request,connections\n"
    (fits,) = read_runs(written(tmp_path, f"{header}tcp,6797.7,2.3,16\n"))
    assert (fits.remarks, fits.connections) == ((), 16)
    (slow,) = read_runs(written(tmp_path, f"{header}tcp,6797.7,14.71,16\n"))
    assert "are 99.99 in flight, but there were 16 connections" in slow.remarks[0]


def test_a_table_that_lost_a_row_is_remarked_on(tmp_path: Path) -> None:
    lines = (DATA / "table/seed.csv").read_text().splitlines(keepends=True)
    runs = read_runs(written(tmp_path, "".join(lines[:-1])))
    assert "Rows may be missing: fargate-arm64 has 1 of tcp, 1 of sharedvolume, 0 of combined" in runs[-1].remarks[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("hello\n", "begins with 'hello'"),
        ('{"hello": 1}', "no known format"),
        ("architecture,requests_per_s\ntcp,fast\n", "'fast', which is no number"),
        ("architecture,requests_per_s\ntcp,-3\n", "which is impossible"),
        ("architecture,requests_per_s\ntcp,nan\n", "which is impossible"),
        ("architecture,requests_per_s\ntcp,1,2\n", "line 2 has 3 cells under 2 columns"),
        ("architecture,requests_per_s\n", "holds no run"),
        ("architecture,requests_per_s\ntcp,679.77", "may be cut off"),
        ("architecture,requests_per_s,p99_us\ntcp,679.77,2000\n", "allowed, once each"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_with_the_file(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_runs(written(tmp_path, text))
    assert said in str(caught.value)
    assert "tcp.txt" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_and_files_that_are_not_there_are_said(tmp_path: Path) -> None:
    picture = tmp_path / "tcp.png"
    picture.write_bytes(b"\x89PNG\r\n")
    with pytest.raises(ConfigError) as caught:
        read_all_runs([picture, tmp_path / "missing.txt"])
    assert str(caught.value).count("\n") == 1
    assert "byte 0 is 0x89" in str(caught.value)
    assert "No such file" in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "said"), [("pipe", "is a pipe"), ("device", "is a device"), ("directory", "is a directory")]
)
def test_what_is_no_regular_file_is_refused_at_once(kind: str, said: str, tmp_path: Path) -> None:
    path = Path("/dev/zero") if kind == "device" else tmp_path / "tcp.txt"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    with pytest.raises(ConfigError) as caught:
        read_all_runs([f"tcp={path}"])
    assert str(caught.value) == f"{path} {said}, not a regular file. {INPUT_ADVICE}"


def test_a_file_of_many_gigabytes_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "tcp.txt"
    with path.open("wb") as file:
        file.truncate(40 << 30)
    with pytest.raises(ConfigError, match=r"has 42,949,672,960 bytes; at most 250,000,000 are read\. Give"):
        read_all_runs([path])


def test_a_wrong_type_in_json_is_told_with_its_place(tmp_path: Path) -> None:
    report = json.loads((DATA / "oha/ok.json").read_text())
    report["summary"]["average"] = "7.3 ms"
    with pytest.raises(ConfigError, match=r"summary\.average is '7\.3 ms', not a number"):
        read_runs(written(tmp_path, json.dumps(report)))


def test_when_no_request_was_answered_right_no_time_is_taken() -> None:
    run = one("k6/export-refused.json")
    assert (run.requests, run.mean_us, run.requests_per_s, run.percentiles_us) == (0, None, None, {})
    assert "200 failed" in run.remarks[0]


def test_names_come_from_the_file_or_are_given() -> None:
    assert [architecture_of(Path(f"{name}.txt")) for name in ("tcp-1", "uds_run2", "http2", "tcp_stats", "a.3")] == [
        "tcp",
        "uds",
        "http2",
        "tcp",
        "a",
    ]
    assert parse_spec("fargate/tcp=x.txt") == ("fargate", "tcp", Path("x.txt"))
    assert parse_spec("x.txt") == ("", "", Path("x.txt"))
    (run,) = read_runs(f"fargate/socket={DATA / 'ab/ok.txt'}")
    assert (run.where, run.architecture, run.transport) == ("fargate", "socket", "uds")


def test_one_name_for_a_file_of_many_architectures_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot all be 'tcp'"):
        read_runs(f"tcp={DATA / 'table/seed.csv'}")


def test_the_transport_is_guessed_from_clear_names_only() -> None:
    names = {
        "tcp": "tcp",
        "app-port": "tcp",
        "unix": "uds",
        "sharedvolume": "uds",
        "combined": "uds",
        "tcp-socket": "tcp",
    }
    names |= {"": "", "blue": "", "tcp-uds": "", "socket port": ""}
    assert {name: transport_of(name) for name in names} == names
