"""The history of a directory: every run in a line, trends by host, changes, and what cannot be read."""

from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from html import unescape
from pathlib import Path

import pytest

from harness.analysis.between_runs.history import History, history_of
from harness.errors import ConfigError
from harness.report.commands.history import headline, history_report, reliability_word
from harness.report.html.page import render_page
from harness.report.text.markdown import render_markdown
from harness.report.text.terminal import render_terminal
from harness.store.briefs import find_runs, read_briefs
from tests.support.history_runs import write_history, write_summary

DATA = Path(__file__).parents[2] / "data" / "history"


def read_history(directory: Path) -> History:
    return history_of(str(directory), *read_briefs(directory))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return write_history(tmp_path)


def test_a_history_reads_as_expected(
    results: Path, monkeypatch: pytest.MonkeyPatch, golden: Callable[[Path, str], None]
) -> None:
    monkeypatch.chdir(results)
    history = read_history(Path())
    golden(DATA / "history.txt", render_terminal(history_report(history), width=100))
    golden(DATA / "history.md", render_markdown(history_report(history)))


def test_runs_are_in_the_order_of_their_time_wherever_it_is_written(results: Path) -> None:
    history = read_history(results)

    assert [run.started_utc for run in history.runs][-2:] == ["2026-05-12T10:00:00", "2026-05-20T08:00:00"]
    assert [run.host for run in history.runs[-2:]] == ["Example CPU 3000 CPUs 0-1", "Example CPU 3000 CPUs 0-15"]


def trend_of(history: History, label: str = "uds-tmpfs against tcp") -> list[tuple[int, int]]:
    (trend,) = [trend for trend in history.trends if trend.label == label]
    return [(level.first, level.last) for level in trend.levels]


def test_a_change_is_found_and_said_with_the_kernel_that_came_with_it(results: Path) -> None:
    history = read_history(results)

    assert trend_of(history) == [(0, 5), (6, 11)]
    assert trend_of(history, "control against tcp") == [(0, 11)]
    text = " ".join(render_terminal(history_report(history), width=200).split())
    assert "2026-05-07 10:00 (kernel 6.13.0 after 6.12.0) -8.90 % (-9.07 to -8.73) -5.90 % (-6.07 to -5.73)" in text


def test_only_valid_runs_of_one_host_make_a_trend(results: Path) -> None:
    history = read_history(results)

    assert {trend.host for trend in history.trends} == {"Example CPU 3000 CPUs 0-1"}


def test_a_page_leads_to_each_report_and_from_each_experiment_to_its_trends(results: Path) -> None:
    page = render_page(history_report(read_history(results), str(results)))

    assert 'href="baseline/2026-05-01T10-00-00Z/report.html"' in page
    assert 'href="#baseline-on-example-cpu-3000-cpus-0-1"' in page
    assert '<section id="baseline-on-example-cpu-3000-cpus-0-1">' in page
    assert page.count("<figure") == 2
    assert 'href="baseline/2026-05-07T10-00-00Z/report.html#the-numbers-uds-tmpfs"' in page
    assert 'href="#trend-baseline-example-cpu-3000-cpus-0-1-uds-tmpfs-against-tcp-latency"' in page
    assert 'id="trend-baseline-example-cpu-3000-cpus-0-1-uds-tmpfs-against-tcp-latency"' in page


def test_without_its_script_a_page_shows_everything_and_no_filter(results: Path) -> None:
    page = unescape(render_page(history_report(read_history(results), str(results))))
    script = page.partition("<script>")[2].partition("</script>")[0]

    assert f"script-src 'sha256-{b64encode(sha256(script.encode()).digest()).decode()}';" in page
    assert page.count(" hidden>") == page.count('<form class="filters" hidden>') == 1


def test_a_directory_with_an_odd_name_is_no_other_kind_of_link(tmp_path: Path) -> None:
    write_summary(tmp_path / 'javascript:"x', -1.0)

    page = render_page(history_report(read_history(tmp_path), str(tmp_path)))

    assert 'href="javascript%3A%22x/report.html"' in page


def test_other_overrides_are_another_experiment(tmp_path: Path) -> None:
    write_summary(tmp_path / "a", -1.0)
    write_summary(tmp_path / "b", -1.0, overrides=["arm.connections=8"])

    history = read_history(tmp_path)

    assert [run.experiment for run in history.runs] == ["baseline", "baseline --set arm.connections=8"]
    assert history.trends == ()


def test_damaged_and_unfinished_runs_are_named_and_the_others_shown(tmp_path: Path) -> None:
    write_summary(tmp_path / "good", -1.0)
    write_summary(tmp_path / "damaged", -1.0, valid="perhaps so")
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "plan.json").write_text("{}")

    history = read_history(tmp_path)

    assert len(history.runs) == 1
    assert [sentence.split(" ")[1] for sentence in sorted(history.left_out)] == ["is", "has"]


def test_impossible_numbers_are_left_out(tmp_path: Path) -> None:
    write_summary(tmp_path / "a", -1.0)
    write_summary(tmp_path / "b", -150.0)
    write_summary(tmp_path / "c", 1e300)

    assert [len(run.contrasts) for run in read_history(tmp_path).runs] == [2, 1, 1]


def test_nothing_is_looked_for_inside_results(tmp_path: Path) -> None:
    write_summary(tmp_path / "run", -1.0)
    write_summary(tmp_path / "run" / "inner", -1.0)

    assert list(find_runs(tmp_path)) == [tmp_path / "run"]


def test_a_directory_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no results"):
        read_history(tmp_path)


def test_the_headline_of_many_contrasts_is_their_number_by_verdict(results: Path) -> None:
    run = read_history(results).runs[0]
    assert headline(run) == "uds-tmpfs -8.9 %"
    many = run.model_copy(update={"contrasts": run.contrasts[1:] * 3})
    assert headline(many) == "3 faster"


def two_contrasts(percent: float) -> list[dict[str, object]]:
    interval = {"percent": percent, "percent_low": percent - 0.5, "percent_high": percent + 0.5}
    pair = {"against": "tcp", "metric": "latency", "verdict": "faster"}
    return [{"arm": arm, **pair, **interval} for arm in ("uds-tmpfs", "uds-dir")]


def runs_table(directory: Path, width: int, *, details: bool) -> list[str]:
    """The lines of the table of runs, without its head."""
    text = render_terminal(history_report(read_history(directory)), width=width, details=details)
    return text.partition("\nRuns\n")[2].partition("\n\n")[0].splitlines()[2:]


@pytest.mark.parametrize("width", [80, 100])
def test_a_run_has_one_line_however_long_its_overrides_are(tmp_path: Path, width: int) -> None:
    for number in (1, 2):
        overrides = ["arm.upstream_keepalive=16", f"design.sessions={number}"]
        write_summary(tmp_path / f"run-{number}", -9.0, overrides=overrides, comparisons=two_contrasts(-9.0))

    lines = runs_table(tmp_path, width, details=False)

    assert len(lines) == 2
    for number, line in enumerate(lines, start=1):
        assert len(line) <= width
        assert "…" in line
        assert f"={number}  uds-tmpfs -9.0 %, " in line, "both ends of the experiment are there, and whole items"
    assert ("uds-dir -9.0 %" in lines[0]) == (width == 100)


def test_details_and_other_formats_have_the_whole_experiment(tmp_path: Path) -> None:
    write_summary(tmp_path / "run", -9.0, overrides=["arm.upstream_keepalive=16", "design.sessions=8"])
    experiment = "baseline --set arm.upstream_keepalive=16 --set design.sessions=8"
    history = read_history(tmp_path)

    assert experiment in " ".join(runs_table(tmp_path, 200, details=True))
    assert history.runs[0].experiment == experiment
    assert experiment in render_page(history_report(history))
    assert experiment in render_markdown(history_report(history)).replace("\\", "")


def test_a_run_that_depends_on_the_state_of_the_machine_is_not_reliable(results: Path) -> None:
    history = read_history(results)

    assert [run.reliable for run in history.runs] == [number not in (2, 12) for number in range(13)]
    assert [reliability_word(history.runs[place]) for place in (1, 2, 12)] == ["yes", "no", "not valid"]
    (line,) = [line for line in runs_table(results, 100, details=False) if line.startswith("2026-05-03")]
    assert line.split()[-2:] == ["no", "03030303"]
    page = render_page(history_report(history, str(results)))
    assert page.count("<td>no</td>") == 1


@pytest.mark.parametrize(("verdict", "is_reliable"), [("equivalent", True), ("undecided", False), (None, True)])
def test_a_run_whose_control_could_not_be_shown_equal_is_not_reliable(
    tmp_path: Path, verdict: str | None, *, is_reliable: bool
) -> None:
    control = {"arm": "control", "against": "tcp", "metric": "latency", "verdict": verdict}
    comparisons = [*two_contrasts(-9.0), control | {"percent": 0.1, "percent_low": -2.0, "percent_high": 2.2}]
    write_summary(tmp_path / "run", -9.0, comparisons=comparisons)

    assert [run.reliable for run in read_history(tmp_path).runs] == [is_reliable]
