"""What terminals, consoles, logs and pages put into a tool's output changes nothing; all that a file holds is named."""

import codecs
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import plugins
from harness.errors import ConfigError
from harness.imports.read import read_runs
from harness.imports.text import clean_text, collapse_blanks, decode_text
from harness.model import ImportedRun, ImportFormat

DATA = Path(__file__).parents[2] / "data" / "foreign"
SAMPLES = {
    "ab": "ab/length.txt",
    "ab-e": "ab-e/ok.csv",
    "ab-g": "ab-g/ok.tsv",
    "autocannon": "autocannon/mixed.json",
    "bombardier": "bombardier/mixed.json",
    "h2load": "h2load/mixed.txt",
    "hey": "hey/mixed.txt",
    "hey-csv": "hey-csv/mixed.csv",
    "k6": "k6/machine-readable.json",
    "locust": "locust/mixed_stats.csv",
    "oha": "oha/ok.json",
    "pyperf": "pyperf/ok.json",
    "table": "table/seed.csv",
    "vegeta": "vegeta/ok.json",
    "vegeta-results": "vegeta-results/mixed.json",
    "wrk": "wrk-latency/mixed.txt",
}
PRINTED = ("ab", "h2load", "hey", "wrk")
UNREAD = sorted((DATA / "unread").iterdir())


def sample(name: str) -> str:
    return (DATA / SAMPLES[name]).read_text(encoding="utf-8").replace("\r\n", "\n")


def read(directory: Path, content: str | bytes) -> tuple[ImportedRun, ...]:
    path = directory / "tcp.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_runs(path)


def numbers(runs: tuple[ImportedRun, ...]) -> list[ImportedRun]:
    return [replace(run, remarks=()) for run in runs]


def each_line(change: Callable[[int, str], str]) -> Callable[[str], str]:
    """Changes every line; what follows the last line feed is no line."""

    def changed(text: str) -> str:
        *lines, rest = text.split("\n")
        return "".join(f"{change(number, line)}\n" for number, line in enumerate(lines)) + (
            change(len(lines), rest) if rest else ""
        )

    return changed


def without_byte_order_mark(encoding: str) -> Callable[[str], bytes]:
    return lambda text: text.encode(encoding)


MANGLED: dict[str, Callable[[str], str | bytes]] = {
    "trailing blanks": each_line(lambda n, line: line + " " * (n % 3 + 1)),
    "trailing tabs": each_line(lambda _, line: f"{line}\t"),
    "padded to a width": each_line(lambda _, line: line.ljust(200)),
    "leading blanks": each_line(lambda _, line: f"    {line}"),
    "CR LF": lambda text: text.replace("\n", "\r\n"),
    "CR CR LF": lambda text: text.replace("\n", "\r\r\n"),
    "CR alone": lambda text: text.replace("\n", "\r"),
    "CR as cat -v shows it": each_line(lambda _, line: f"{line}^M"),
    "no-break spaces": lambda text: text.replace(" ", "\xa0"),
    "narrow no-break spaces": lambda text: text.replace(" ", "\u202f"),
    "a zero-width space in front": lambda text: f"\u200b{text}",
    "colours": each_line(lambda _, line: f"\x1b[1;32m{line}\x1b[0m"),
    "colours as cat -v shows them": each_line(lambda _, line: f"^[[32m{line}^[[0m"),
    "the end of a line is cleared": each_line(lambda _, line: f"{line}\x1b[K"),
    "a title of the window": lambda text: f"\x1b]0;root@host: ~\x07{text}",
    "UTF-8 with a mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "UTF-16": lambda text: text.replace("\n", "\r\n").encode("utf-16"),
    "UTF-16 BE with a mark": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "UTF-16 LE without a mark": without_byte_order_mark("utf-16-le"),
    "UTF-16 BE without a mark": without_byte_order_mark("utf-16-be"),
    "UTF-32": lambda text: text.encode("utf-32"),
    "docker compose": each_line(lambda _, line: f"wrk-tcp-1  | {line}"),
    "docker compose of old": each_line(lambda _, line: f"load_1 | {line}"),
    "docker logs -t": each_line(lambda n, line: f"2026-03-04T09:12:{n % 60:02}.101234567Z {line}"),
    "docker compose logs -t": each_line(lambda n, line: f"ab-1  | 2026-03-04T09:12:{n % 60:02}.101234567Z {line}"),
    "gh run view --log": each_line(
        lambda n, line: f"bench\tRun the load\t2026-03-04T09:12:{n % 60:02}.1012345Z {line}"
    ),
    "kubectl logs --prefix": each_line(lambda _, line: f"[pod/load-7d9/load] {line}"),
    "a log of Kubernetes": each_line(lambda _, line: f"2026-03-04T09:12:44.101234567+01:00 stdout F {line}"),
    "Jenkins": each_line(lambda _, line: f"[2026-03-04T09:12:44.101Z] {line}"),
    "journald": each_line(lambda n, line: f"Mar  4 09:12:{n % 60:02} host load[4711]: {line}"),
    "ts": each_line(lambda n, line: f"Mar 04 09:12:{n % 60:02} {line}"),
    "docker build": each_line(lambda n, line: f"#12 {n / 10:.3f} {line}"),
    "a quotation": each_line(lambda _, line: f"> {line}"),
    "a quotation of a quotation": each_line(lambda _, line: f"> > {line}"),
    "a code fence": lambda text: f"```text\n{text}```\n",
    "a quoted code fence": lambda text: each_line(lambda _, line: f"> {line}".rstrip())(f"```\n{text}```\n"),
    "a page's <pre>": lambda text: f"<pre>\n{text}</pre>\n",
    "script": lambda text: (
        f"Script started on 2026-03-04 09:12:44+00:00 [TERM=xterm]\n{text}Script done on 2026-03-04\n"
    ),
    "a prompt above": lambda text: f"user@host:~/bench$ ./load -c 16 http://127.0.0.1:8080/\n{text}",
    "blank lines around": lambda text: f"\n\n \n{text}\n \n",
}


@pytest.mark.parametrize("kind", MANGLED)
def test_what_is_no_part_of_the_output_changes_no_number(kind: str, tmp_path: Path) -> None:
    for name in SAMPLES:
        text = sample(name)
        assert read(tmp_path, MANGLED[kind](text)) == read(tmp_path, text), name


@pytest.mark.parametrize("name", PRINTED)
@pytest.mark.parametrize("blank", ["\t", "   ", "\xa0", "&nbsp;", "\u2003"])
def test_any_blank_between_the_words_of_a_text_will_do(blank: str, name: str, tmp_path: Path) -> None:
    text = sample(name)
    assert read(tmp_path, re.sub("(?<=\\S)[ \t]+(?=\\S)", blank, text)) == read(tmp_path, text)


def test_columns_whose_tabs_became_blanks_are_read(tmp_path: Path) -> None:
    text = sample("ab-g")
    assert read(tmp_path, text.replace("\t", "   ")) == read(tmp_path, text)


def test_lines_of_two_services_in_one_log_come_together(tmp_path: Path) -> None:
    tcp, uds = sample("wrk").splitlines(), sample("ab").splitlines()
    both = [line for pair in zip([*tcp, *[""] * len(uds)], uds, strict=False) for line in pair]
    log = "".join(f"{'wrk' if n % 2 == 0 else 'ab '}-1  | {line}\n" for n, line in enumerate(both)).replace(
        "ab -1", "ab-1 "
    )
    assert [run.format for run in read(tmp_path, log)] == ["wrk", "ab"]


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="ab1 \t|:>,;[]{}\"'\\.\r\n\x1b\xa0", max_size=200))
def test_a_tidy_text_stays_as_it_is(text: str) -> None:
    once = collapse_blanks(clean_text(text))
    assert not re.search("[\r\x1b\xa0]|^ | $", once, re.MULTILINE)


@given(st.text(alphabet=st.characters(blacklist_categories=("Cs", "Cc")), max_size=100))
def test_every_encoding_with_a_mark_gives_the_same_text(text: str) -> None:
    assert {decode_text(text.encode(encoding)) for encoding in ("utf-16", "utf-32", "utf-8-sig")} == {
        text.removeprefix("\ufeff")
    }


def test_a_micro_sign_in_latin_1_is_read(tmp_path: Path) -> None:
    text = re.sub(r"(?<=\d)us", "µs", sample("h2load"))
    assert numbers(read(tmp_path, text.encode("latin-1"))) == numbers(read(tmp_path, sample("h2load")))


def test_a_file_that_is_no_text_is_refused_with_its_byte(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a text file: byte 0 is 0x1f"):
        read(tmp_path, b"\x1f\x08\x01\x02\x03 data \x04")


@pytest.mark.parametrize("first", SAMPLES)
def test_two_tools_in_one_file_are_both_read_in_either_order(first: str, tmp_path: Path) -> None:
    alone = {name: numbers(read(tmp_path, sample(name))) for name in SAMPLES}
    for second in SAMPLES:
        both = read(tmp_path, sample(first) + sample(second))
        assert numbers(both) == alone[first] + alone[second], second
        if first != second and len({run.architecture for run in both}) == 1:
            assert "Use a file for each tool" in " ".join(both[0].remarks), second


@pytest.mark.parametrize("joint", ["{0}{0}", "{0}\n\n{0}", "[{0}, {0}]", "[\n {0},\n {0}\n]\n"])
@pytest.mark.parametrize("name", ["oha", "k6", "vegeta", "bombardier", "autocannon", "pyperf"])
def test_json_documents_in_a_row_or_in_a_list_are_runs_each(name: str, joint: str, tmp_path: Path) -> None:
    text = sample(name).strip()
    assert numbers(read(tmp_path, joint.format(text))) == 2 * numbers(read(tmp_path, text))


def test_three_tools_in_one_file_are_all_read(tmp_path: Path) -> None:
    text = f"# tcp\n$ ab ...\n{sample('ab')}\nnow oha:\n{sample('oha')}\n{sample('wrk')}\n{sample('ab')}"
    assert [run.format for run in read(tmp_path, text)] == ["ab", "oha", "wrk", "ab"]


@pytest.mark.parametrize("path", UNREAD, ids=lambda path: path.stem)
def test_output_that_is_not_read_is_named_beside_what_is(path: Path, tmp_path: Path) -> None:
    unread = path.read_text(encoding="utf-8")
    for name in SAMPLES:
        text = sample(name)
        clean = numbers(read(tmp_path, text))
        for joined in (f"{unread}\n{text}", f"{text}{unread}"):
            runs = read(tmp_path, joined)
            assert numbers(runs) == clean, name
            assert "which is not read. Instead, run " in " ".join(runs[0].remarks), name


@pytest.mark.parametrize("name", PRINTED)
def test_a_line_that_the_tool_does_not_print_is_remarked_on(name: str, tmp_path: Path) -> None:
    (run,) = read(tmp_path, f"{sample(name)}mytool: 5000 requests/s\n")
    assert "not read: 1, the first 'mytool: 5000 requests/s'" in " ".join(run.remarks)


@pytest.mark.parametrize("name", PRINTED)
def test_whole_output_has_no_line_that_is_unknown(name: str) -> None:
    for path in sorted(path for path in DATA.rglob("*.txt") if path.parent.name.split("-")[0] == name):
        try:
            runs = read_runs(path)
        except ConfigError:
            continue
        assert "not read" not in " ".join(remark for run in runs for remark in run.remarks), path


@pytest.mark.parametrize(
    ("name", "line", "damaged"),
    [
        ("ab", "Non-2xx responses:      20", "Non-2xx responses:      2O"),
        ("ab", "Non-2xx responses:      20", "Non-2xx responses:"),
        ("ab", "Non-2xx responses:      20", "Non-2xx responses: 1,000"),
        ("ab", "(Connect: 0, Receive: 0, Length: 76", "(Connect: 0, Receive: 0, Length: x"),
        ("ab", "Failed requests:        76", "Failed requests:        many"),
        ("wrk", "Non-2xx or 3xx responses: 1472", "Non-2xx or 3xx responses: 1.4k"),
        ("wrk", "  14719 requests in", "  Socket errors: connect 0, read 5, write, timeout 99\n  14719 requests in"),
        ("h2load", " 5xx", " 5x"),
        ("wrk", "Requests/sec:  13367.35", "Requests/sec:  13.4k"),
    ],
)
def test_a_line_on_failures_in_another_form_is_never_no_failure(
    name: str, line: str, damaged: str, tmp_path: Path
) -> None:
    text = sample(name)
    assert line in text
    with pytest.raises(ConfigError, match="cannot be read as"):
        read(tmp_path, text.replace(line, damaged))


@pytest.mark.parametrize(
    ("name", "line", "damaged"),
    [
        ("ab", "  99%     11", "  99%     1l"),
        ("wrk", "99%    6.18ms", "99%    6.18 ms"),
        ("hey", "99% in 0", "99% in O"),
    ],
)
def test_a_percentile_in_another_form_is_remarked_on(name: str, line: str, damaged: str, tmp_path: Path) -> None:
    text = sample(name)
    assert line in text
    (run,) = read(tmp_path, text.replace(line, damaged))
    assert 99.0 not in run.percentiles_us
    assert repr(" ".join(damaged.split()))[1:-1] in " ".join(run.remarks)


def test_the_samples_are_of_all_formats() -> None:
    assert sorted(SAMPLES) == sorted(plugins.table(ImportFormat))


def test_lines_that_docker_stores_or_gitlab_stamps_are_read() -> None:
    lines = sample("wrk").split("\n")
    stored = [
        json.dumps({"log": f"\x1b[0m{line}\r\n", "stream": "stdout", "time": "2025-05-02T10:11:12.1Z"})
        for line in lines
    ]
    stamped = [
        f"2025-05-02T10:11:12.123456Z 01{mark} {line}" for line, mark in zip(lines, "OE" * len(lines), strict=False)
    ]
    for log in (stored, stamped):
        assert clean_text("\n".join(log)).strip() == clean_text("\n".join(lines)).strip()


def test_a_text_of_windows_has_its_dashes_and_quotes() -> None:
    text = "architecture,requests_per_s,p99_ms\ntcp \u2013 \u201cfirst\u201d,800,\u20ac 5\n"
    assert decode_text(text.encode("cp1252")) == text
