"""A table as spreadsheets of any country write it: read where it is unambiguous, otherwise refused with the reason."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ConfigError
from harness.imports.formats.table import decimal_mark, parse_number
from harness.imports.read import read_runs
from harness.model import ImportedRun

DATA = Path(__file__).parents[2] / "data" / "foreign" / "table"
RATE_MS = (679.77, 1471.0)


def read(directory: Path, text: str) -> tuple[ImportedRun, ...]:
    path = directory / "runs.csv"
    path.write_text(text, encoding="utf-8")
    return read_runs(path)


@pytest.mark.parametrize("name", ["capitals", "decimal-comma-quoted", "semicolons"])
def test_the_same_row_in_another_spelling_is_the_same_row(name: str) -> None:
    run, *_ = read_runs(DATA / f"{name}.csv")
    assert (run.architecture, run.requests_per_s, run.mean_us, run.mean_resolution_us) == ("tcp", *RATE_MS, 1.0)


def test_a_comma_before_three_digits_and_a_point_sets_thousands_apart() -> None:
    (run,) = read_runs(DATA / "thousands.csv")
    assert (run.requests_per_s, run.mean_us) == (1679.77, 595.0)


@pytest.mark.parametrize(
    "text",
    [
        "architecture\trequests_per_s\tms_per_request\ntcp\t679.77\t1.471\n",
        "architecture;requests_per_s;ms_per_request\ntcp;679,77;1,471\n",
        "architecture;requests_per_s;ms_per_request\ntcp;679.77;1.471\n",
        "sep=;\nArchitecture;Requests/s;ms per request\ntcp;679,77;1,471\n",
        '"Architecture" , "Requests per s" , "MS/Request"\n"tcp" , "679.77" , "1.471"\n',
        "architecture,requests_per_s,ms_per_request,\ntcp,679.77,1.471,\n,,,\n",
        "architecture , requests_per_s , ms_per_request\r\n tcp , 679.77 , 1.471 \r\n",
        "where\tarchitecture\trequests_per_s\tms_per_request\n\ttcp\t679.77\t1.471\n",
        "architecture,requests_per_s,ms_per_request,p99_ms\ntcp,679.77,1.471,-\n",
    ],
)
def test_any_separator_and_any_heading_will_do(text: str, tmp_path: Path) -> None:
    (run,) = read(tmp_path, text)
    assert (run.architecture, run.requests_per_s, run.mean_us) == ("tcp", *RATE_MS)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ('"679.77 req/s",1.471', "'679.77 req/s', which is no number. Write it without its unit"),
        ('"1,679",1', "'1,679', which can mean 1.679 or 1679. Write it without a comma"),
        ('"679,77",1.5', "'1.5' with a decimal point and '679,77' with a decimal comma"),
        ("679,77,1,471", "5 cells under 3 columns. Put numbers with a decimal comma in quotes"),
        ('"1,67,9",1', "which is no number. Write its decimals with a point"),
    ],
)
def test_a_number_that_could_be_two_is_refused_with_the_reason(cells: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f"architecture,requests_per_s,ms_per_request\ntcp,{cells}\n")
    assert said in str(caught.value)


def test_a_count_has_no_decimals(tmp_path: Path) -> None:
    (run,) = read(tmp_path, 'architecture,requests_per_s,requests,failed\ntcp,1000,"12,000",2.0\n')
    assert (run.requests, run.failures) == (11_998, {"failed": 2})
    with pytest.raises(ConfigError, match=r"requests in line 2 is '1000\.5', not a whole number"):
        read(tmp_path, "architecture,requests_per_s,requests\ntcp,1000,1000.5\n")


def test_a_rate_over_one_connection_gives_a_time(tmp_path: Path) -> None:
    header = "architecture,requests_per_s,connections\n"
    runs = read(tmp_path, f"{header}tcp,800,\nuds,1000,1\nother,5000,32\n")
    assert [run.mean_us for run in runs] == [1250.0, 1000.0, None]
    assert "calculated from its rate with one connection" in runs[0].remarks[0]


@given(st.integers(0, 10**9), st.integers(0, 99))
def test_every_country_writes_the_same_number(whole: int, hundredths: int) -> None:
    number = whole + hundredths / 100
    english, german = f"{whole:,}.{hundredths:02}", f"{whole:,}".replace(",", ".") + f",{hundredths:02}"
    french = f"{whole:,}".replace(",", " ") + f",{hundredths:02}"
    swiss = f"{whole:,}".replace(",", "'") + f".{hundredths:02}"
    for text in (english, german, french, swiss, f"{whole}.{hundredths:02}", f"{whole},{hundredths:02}"):
        assert parse_number(text, decimal_mark([text])) == pytest.approx(number)


def test_a_column_without_a_heading_is_left_out_where_it_is_empty(tmp_path: Path) -> None:
    header = "Where;;Architecture;;Requests_per_s;ms_per_request;;\n"
    runs = read(tmp_path, f"{header}a;;tcp;;2.646,87;24,31;;\na;;uds;;2.811,40;22,90\n;;;;;;;\n")
    assert [(run.architecture, run.requests_per_s, run.mean_us) for run in runs] == [
        ("tcp", 2646.87, 24_310.0),
        ("uds", 2811.4, 22_900.0),
    ]


def test_a_cell_without_a_heading_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"line 3 has 'slow' in column 2, which has no heading\. Name the column"):
        read(tmp_path, "architecture,,requests_per_s\ntcp,,800\nuds,slow,900\n")
    with pytest.raises(ConfigError, match=r"line 2 has 2 cells under 3 columns\. Complete it"):
        read(tmp_path, "architecture,,requests_per_s\ntcp,800\n")


@pytest.mark.parametrize("heading", ["Requests/sec", "req/s", "Req / sec", "requests per sec", "RPS"])
def test_a_rate_has_many_headings(heading: str, tmp_path: Path) -> None:
    (run,) = read(tmp_path, f"Architecture,{heading}\ntcp,800\n")
    assert (run.requests_per_s, run.mean_us) == (800.0, 1250.0)
