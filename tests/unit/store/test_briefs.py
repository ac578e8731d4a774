"""The history of a directory: every run in a line, trends by host, changes, and what cannot be read."""

from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from html import unescape
from pathlib import Path

import pytest

from harness.analysis.between_runs.history import History, history_of
from harness.errors import ConfigError
from harness.report.commands.history import headline, history_report
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
