"""The sections on load, in words: what an open loop shows, what a search found, and how far to believe it."""

import re
from contextlib import closing
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped] # it brings no types
from hdrh.log import HistogramLogReader  # type: ignore[import-untyped] # it brings no types

from harness.analysis.contrasts.rates import shown_percent, with_rates
from harness.experiment.plan import plan_of
from harness.model import METRICS, ArmUtilisation, Interval, LoadPoint, Summary
from harness.report.document import Points
from harness.report.export.hdr_log import hdr_logs
from harness.report.figures.distributions import load_figure
from harness.report.figures.intervals import forest_figure
from harness.report.format import amount_interval, percent_with_interval
from harness.report.sections.load import load_sections
from harness.report.sections.why import cause_sentences
from harness.session.summarize import RunResults, write_reports
from harness.store.store import Store
from tests.support.load_runs import PACED, SCHEDULE, SEARCH, experiment, paced, searched, summary_of
from tests.support.run_reports import render_markdown, render_terminal


def said(summary: Summary) -> str:
    return re.sub(r"\s+", " ", render_terminal(summary, None, width=100))


def test_an_open_loop_that_waits_longer_says_what_the_closed_one_hides() -> None:
    summary = summary_of(PACED, paced(lambda arm: 9000.0 if "1000" in arm else 500.0, lambda _arm: 10.0))
    text = said(summary)

    assert "tcp/1000: p99 is 9." in text
    assert "in the closed loop (tcp/0)" in text
    assert "coordinated omission" in text


def test_an_open_loop_that_waits_no_longer_claims_nothing() -> None:
    text = said(summary_of(PACED, paced(lambda _arm: 500.0, lambda _arm: 10.0)))

    assert "Requests at a rate" in text
    assert "coordinated omission" not in text
    assert "The client sent requests" not in text


def test_a_client_that_is_late_is_said_to_be() -> None:
    text = said(summary_of(PACED, paced(lambda _arm: 500.0, lambda _arm: 100.0)))
    assert "The client sent requests of tcp/1000 and uds-tmpfs/1000 late" in text


def test_a_search_tells_its_capacities_and_what_was_not_found() -> None:
    sessions = searched(lambda arm, number: 100 if arm == "uds-tmpfs" else 1500 + number)
    text = said(summary_of(SEARCH, sessions))

    assert "Highest rate with p99 below 10 ms" in text
    assert "No capacity for uds-tmpfs: every rate exceeded the limit" in text
    assert "p99 for any arm" not in text


def test_a_search_is_answered_in_requests_and_not_in_times() -> None:
    sessions = searched(lambda arm, number: (2000 if arm == "uds-tmpfs" else 1000) + 20 * number)
    summary = summary_of(SEARCH, sessions)
    design = experiment(SEARCH).design
    figure = forest_figure(with_rates(summary), design, "capacity")
    text = " ".join(render_terminal(summary, design).split())

    assert "A Unix socket on tmpfs (uds-tmpfs) is higher in capacity than tcp by" in text
    assert "+92.0 % (+88.5 to +95.5) higher" in text
    assert re.search(r"instead of \d+ requests/s", text)
    assert "us per request" not in text
    assert figure is not None
    assert figure.caption.startswith("Right of zero: higher.")
    assert ", higher" in figure.alt
    assert "faster" not in f"{text}{figure}{render_markdown(summary, design)}"


def test_an_interval_of_times_that_says_nothing_says_nothing_of_rates() -> None:
    wide = shown_percent(Interval(value=25.0, low=-100.0, high=1e9), "capacity")
    assert wide
    assert wide.value == pytest.approx(-20.0)
    shown = amount_interval(wide)
    assert shown
    assert percent_with_interval(shown) == "-20.0 % (95 % interval unknown)"


def test_a_control_that_differs_in_capacity_is_told_as_the_time_that_was_measured() -> None:
    capacity = METRICS["capacity"]
    assert (capacity.label, capacity.time_label) == ("capacity", "time per request at capacity")
    assert all(metric.time_label == metric.label for metric in METRICS.values() if metric is not capacity)


def test_requests_at_a_rate_are_not_said_to_run_one_at_a_time() -> None:
    summary = summary_of(PACED, paced(lambda _arm: 500.0, lambda _arm: 1.0))
    loads = [
        ArmUtilisation(arm=arm, utilisation={"app": 0.3}, bound="latency-bound", together=()) for arm in summary.arms
    ]
    closed, at_rate = (
        sentence
        for sentence in cause_sentences(summary.model_copy(update={"loads": tuple(loads)}))
        if sentence.startswith("Bottleneck")
    )

    assert "because requests run one at a time" in closed
    assert "Bottleneck of tcp/1000 and uds-tmpfs/1000" in at_rate
    assert "one at a time" not in at_rate


def test_a_rate_has_its_unit_and_none_is_a_closed_loop() -> None:
    summary = summary_of(PACED, paced(lambda arm: 800.0 if arm.endswith("1000") else 500.0, lambda _arm: 1.0))
    text = " ".join(render_terminal(summary, experiment(PACED).design, width=200).split())

    assert "rate 1000 requests/s" in text
    assert not re.search(r"rate 1000(?! requests/s)", text)
    assert "rate 0" not in text


def test_other_experiments_have_no_such_section_and_no_such_figure() -> None:
    summary = summary_of(SEARCH, searched(lambda _arm, number: 1500 + number))
    plain = summary.model_copy(update={"capacities": (), "load_points": ()})

    assert load_sections(plain) == []
    assert load_figure(plain) is None


def test_a_line_has_the_name_of_what_all_its_arms_share() -> None:
    rates_per_s = {"tcp/1000": 1000.0, "tcp/2000": 2000.0, "uds-tmpfs/1000": 1000.0}
    points = tuple(
        LoadPoint(arm=arm, rate_per_s=rate_per_s, p50_us=400.0, p99_us=900.0) for arm, rate_per_s in rates_per_s.items()
    )
    summary = summary_of(PACED, paced(lambda _arm: 500.0, lambda _arm: 1.0))
    slower = summary.arms["tcp/1000"]
    faster = slower.model_copy(update={"settings": {**slower.settings, "rate": 2000.0}})
    arms = {**summary.arms, "tcp/2000": faster}
    figure = load_figure(summary.model_copy(update={"arms": arms, "load_points": points}))

    assert figure is not None
    assert {mark.label for mark in figure.marks if isinstance(mark, Points) and mark.label} == {"tcp", "uds-tmpfs/1000"}


def test_the_figure_has_both_percentiles_of_each_arm() -> None:
    figure = load_figure(summary_of(SEARCH, searched(lambda _arm, number: 1500 + number)))

    assert figure is not None
    points = [mark for mark in figure.marks if isinstance(mark, Points)]
    assert [mark.label for mark in points] == ["tcp", "", "uds-tmpfs", "", "control", ""]
    assert all(len(mark.xs) == 8 * 8 for mark in points)
    assert len(points) == len(figure.marks)  # steps of a search are not connected


def test_a_search_has_every_report_but_a_file_for_pyperf(tmp_path: Path) -> None:
    sessions = searched(lambda _arm, number: 1500 + number)
    plan = plan_of(experiment(SEARCH), SCHEDULE)

    write_reports(RunResults(Store(tmp_path), plan, sessions, {}, None, summary_of(SEARCH, sessions)))

    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {"summary.json", "report.html"}


def test_a_run_whose_bursts_have_times_has_a_file_for_pyperf(tmp_path: Path) -> None:
    sessions = paced(lambda _arm: 500.0, lambda _arm: 10.0)

    plan = plan_of(experiment(PACED), SCHEDULE)
    write_reports(RunResults(Store(tmp_path), plan, sessions, {}, None, summary_of(PACED, sessions)))

    assert (tmp_path / "pyperf.json").exists()


def test_arms_whose_names_differ_in_unsafe_letters_have_logs_of_their_own() -> None:
    asked = experiment(PACED)
    paced_arm = next(arm for arm in asked.arms if arm.settings.rate)
    arms = tuple(paced_arm.model_copy(update={"name": name}) for name in ("a/b", "a_b", "a b"))

    logs = dict(hdr_logs(asked.model_copy(update={"arms": arms}), []))

    assert len(logs) == 3
    assert "hdr/a_b.hlog" in logs


def test_markdown_has_the_section_too() -> None:
    summary = summary_of(SEARCH, searched(lambda _arm, number: 1500 + number))
    assert "## Capacity" in render_markdown(summary, experiment(SEARCH).design)


def test_a_histogram_log_gives_the_times_back(tmp_path: Path) -> None:
    sessions = paced(lambda _arm: 500.0, lambda _arm: 100.0, sessions=2)
    logs = dict(hdr_logs(experiment(PACED), sessions))
    path = tmp_path / "tcp.hlog"
    path.write_text(logs["hdr/tcp_1000.hlog"])
    with closing(HistogramLogReader(str(path), HdrHistogram(1, 3_600_000_000_000, 3))) as reader:
        first = reader.get_next_interval_histogram()

    assert set(logs) == {"hdr/tcp_1000.hlog", "hdr/uds-tmpfs_1000.hlog"}
    assert first.get_total_count() == 6 * 250
    assert first.get_value_at_percentile(50) == pytest.approx(600_000, rel=0.02)
