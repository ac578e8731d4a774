"""ApacheBench: its command line, and what it really printed, good and bad."""

import re
import shutil
from pathlib import Path

import pytest

from harness.load.tools.ab import PLUGIN
from harness.model import Settings, Target

DATA = Path(__file__).parents[2] / "data" / "ab"
TARGET = Target("127.0.0.1", 8080, "/a?b=c")
KEPT = Target("127.0.0.1", 8080, "/", keepalive=True)
TLS = Target("127.0.0.1", 8443, "/", ca_file=Path("authority.pem"))


def command(target: Target, settings: Settings) -> str:
    return " ".join(PLUGIN.command("ab", target, settings, Path("/run")))


def test_a_run_by_count_accepts_bodies_of_any_length_and_writes_fine_percentiles() -> None:
    assert command(TARGET, Settings(tool_requests=300)) == (
        "ab -n 300 -q -l -s 10 -c 1 -e /run/percentiles.csv http://127.0.0.1:8080/a?b=c"
    )


def test_a_run_by_time_is_in_whole_seconds_and_lifts_the_limit_that_time_implies() -> None:
    assert command(TARGET, Settings(tool_seconds=2.1)).startswith("ab -t 3 -n 150000 ")


def test_the_target_says_whether_the_connection_is_kept_and_whether_there_is_tls() -> None:
    assert command(KEPT, Settings()).endswith(" -k http://127.0.0.1:8080/")
    assert command(TLS, Settings()).endswith(" https://127.0.0.1:8443/")


def test_the_timeout_is_in_whole_seconds() -> None:
    assert " -s 2 " in command(Target("127.0.0.1", 8080, "/", timeout_s=1.5), Settings())


def test_percentiles_that_lie_behind_abs_array_are_left_out(tmp_path: Path) -> None:
    run = copy_of("good", tmp_path)
    text = (run / "stdout.txt").read_text()
    (run / "stdout.txt").write_text(re.sub(r"(Complete requests: +)200", r"\g<1>5", text))

    assert list(PLUGIN.read_result(run).percentiles_us) == [*range(90), 100]


def test_a_good_run_is_read_to_the_microsecond() -> None:
    outcome = PLUGIN.read_result(DATA / "good")

    assert outcome.requests == 200
    assert outcome.failures == {}
    assert outcome.duration_s == 0.017
    assert outcome.mean_us == pytest.approx(83)
    assert outcome.percentiles_us[50] == pytest.approx(62)
    assert outcome.resolution_us == 1.0


@pytest.mark.parametrize("run", ["good", "kept", "seconds", "not-2xx", "resets"])
def test_every_percentile_is_there_and_they_only_grow(run: str) -> None:
    percentiles_us = PLUGIN.read_result(DATA / run).percentiles_us

    assert list(percentiles_us) == list(range(101))
    assert list(percentiles_us.values()) == sorted(percentiles_us.values())


@pytest.mark.parametrize(
    ("run", "requests", "failures"),
    [
        ("kept", 200, {}),
        ("seconds", 7787, {}),
        ("not-2xx", 150, {"status not 2xx": 50}),
        ("resets", 150, {"receive": 50, "exceptions": 50}),
    ],
)
def test_failures_have_their_kind_and_are_no_requests(run: str, requests: int, failures: dict[str, int]) -> None:
    outcome = PLUGIN.read_result(DATA / run)

    assert outcome.requests == requests
    assert outcome.failures == failures


@pytest.mark.parametrize("run", ["cut-off", "refused"])
def test_a_run_that_ab_gave_up_has_no_outcome(run: str) -> None:
    with pytest.raises(ValueError, match="it has no line 'Complete requests'"):
        PLUGIN.read_result(DATA / run)


def test_a_release_that_ends_with_percentile_99_is_read_too(tmp_path: Path) -> None:
    run = copy_of("good", tmp_path)
    write_percentiles(run, percentile_lines()[:-1])

    assert max(PLUGIN.read_result(run).percentiles_us) == 99


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([], "has 0 rows of percentiles"),
        (["Percentage served,Time in ms"], "has 0 rows of percentiles"),
        (["Percent,Seconds", *(f"{percent},1.0" for percent in range(101))], "'Percent', 'Seconds'"),
        (["Percentage served,Time in ms", *(f"{percent},1.0" for percent in range(60))], "has 60 rows"),
        (["Percentage served,Time in ms", *100 * ["50,1.0"]], "its percentages are not 0 to 99"),
        (["Percentage served,Time in ms", *(f"{percent}" for percent in range(101))], "not two numbers"),
        (["Percentage served,Time in ms", *(f"{percent},?" for percent in range(101))], "not two numbers"),
    ],
)
def test_percentiles_that_are_not_whole_are_refused(tmp_path: Path, lines: list[str], sentence: str) -> None:
    run = copy_of("good", tmp_path)
    write_percentiles(run, lines)

    with pytest.raises(ValueError, match=sentence):
        PLUGIN.read_result(run)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    run = copy_of("good", tmp_path)
    (run / "percentiles.csv").unlink()

    with pytest.raises(ValueError, match=r"ab left no percentiles\.csv"):
        PLUGIN.read_result(run)


def test_failures_of_no_kind_are_refused(tmp_path: Path) -> None:
    run = copy_of("resets", tmp_path)
    text = (run / "stdout.txt").read_text()
    (run / "stdout.txt").write_text(text.replace("(Connect", "(Cnnect"))

    with pytest.raises(ValueError, match="but not their kinds"):
        PLUGIN.read_result(run)


@pytest.mark.parametrize("text", ["", "wrk 4.2.0\nRequests/sec: 5000\n"])
def test_output_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    run = copy_of("good", tmp_path)
    (run / "stdout.txt").write_text(text)

    with pytest.raises(ValueError, match="it has no line"):
        PLUGIN.read_result(run)


def copy_of(run: str, directory: Path) -> Path:
    return Path(shutil.copytree(DATA / run, directory / run))


def percentile_lines() -> list[str]:
    return (DATA / "good" / "percentiles.csv").read_text().splitlines()


def write_percentiles(run: Path, lines: list[str]) -> None:
    (run / "percentiles.csv").write_text("".join(f"{line}\n" for line in lines))
