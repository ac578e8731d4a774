"""A summary says what the sessions say: worked by hand, and when something is missing."""

import math
from dataclasses import replace

import numpy as np
import pytest

from harness.analysis.statistics.series import SessionData
from harness.analysis.summary import run_summary
from harness.model import Comparison, Doubt, Experiment, Settings, Summary
from tests.support.simulated_sessions import Times, experiment_of, schedule_of, session_of

CPU_US = {"a": {"nginx": 20.0, "app": 80.0}, "b": {"nginx": 20.0, "app": 60.0}, "control": {"nginx": 20.0, "app": 80.0}}


def steady(number: int, b_us: float = 90.0, control_us: float = 100.0, **given: object) -> SessionData:
    """Three rounds in which a takes 100 us, all with CPU times."""
    times_us = {"a": [100.0] * 3, "b": [b_us] * 3, "control": [control_us] * 3}
    return session_of(times_us, number=number, cpu_us=CPU_US, **given)  # type: ignore[arg-type] # passed on as given


def three_sessions() -> list[SessionData]:
    return [steady(1, 89.0), steady(2, 90.0), steady(3, 91.0)]


def summary_of(sessions: list[SessionData], experiment: Experiment | None = None, planned: int = 3) -> Summary:
    summary = run_summary(
        experiment or experiment_of("a", "b"),
        sessions,
        directory="results/example",
        schedule=schedule_of(planned),
        seconds_total=10.0,
    )
    return Summary.model_validate_json(summary.model_dump_json())


def comparison(summary: Summary, arm: str = "b", metric: str = "latency") -> Comparison:
    return next(found for found in summary.comparisons if (found.arm, found.metric) == (arm, metric))


def kinds(summary: Summary) -> list[str]:
    return [doubt.kind for doubt in summary.doubts]


def test_a_comparison_worked_by_hand() -> None:
    found = comparison(summary_of(three_sessions()))
    logs = np.log([0.89, 0.90, 0.91])
    half = 4.302653 * np.std(logs, ddof=1) / math.sqrt(3)
    assert found.percent == pytest.approx(100 * (np.exp(np.mean(logs)) - 1))
    assert found.percent_low == pytest.approx(100 * (np.exp(np.mean(logs) - half) - 1))
    assert found.percent_high == pytest.approx(100 * (np.exp(np.mean(logs) + half) - 1))
    assert found.us == pytest.approx(-10)
    assert (found.us_low, found.us_high) == pytest.approx(
        (-10 - 4.302653 / math.sqrt(3), -10 + 4.302653 / math.sqrt(3))
    )
    assert found.verdict == "faster"
    assert found.p_adjusted == found.p
    assert set(found.checks) == {"bootstrap_low", "bootstrap_high", "sign_flip_p"}
    assert found.checks["sign_flip_p"] == pytest.approx(2 / 8)


def test_comparisons_come_pair_by_pair_and_the_controls_pair_first() -> None:
    found = summary_of(three_sessions()).comparisons
    expected = [(arm, "a", metric) for arm in ("control", "b") for metric in ("latency", "mean", "cpu")]
    assert [(one.arm, one.against, one.metric) for one in found] == expected


def test_cpu_time_is_compared_over_all_roles_together() -> None:
    found = comparison(summary_of(three_sessions()), metric="cpu")
    assert found.percent == pytest.approx(-20)
    assert found.us == pytest.approx(-20)
    assert found.verdict == "faster"


def test_cpu_is_left_out_where_none_was_read() -> None:
    summary = summary_of([session_of({"a": [100.0], "b": [90.0], "control": [100.0]}, number=n) for n in (1, 2, 3)])
    assert [found.metric for found in summary.comparisons] == ["latency", "mean"] * 2
    assert summary.arms["a"].cpu_us == {}


def test_an_arm_shows_average_times_and_the_rate_that_follows_from_them() -> None:
    uneven = session_of({"a": [100.0, 300.0, None], "b": [1.0], "control": [1.0]}, number=1, cpu_us=CPU_US)
    arm = summary_of([uneven, steady(2), steady(3)]).arms["a"]
    assert arm.mean_us == pytest.approx((200 + 100 + 100) / 3)
    assert arm.requests_per_s == pytest.approx(7500)
    assert arm.requests == 8 * (2 + 3 + 3)
    assert arm.cpu_us == {"nginx": pytest.approx(20), "app": pytest.approx(80)}


def test_an_arm_shows_the_settings_that_are_not_the_default_and_always_the_transport() -> None:
    experiment = experiment_of("a", "b")
    special = Settings(transport="uds-dir", workers=2, knobs={"net.core.somaxconn": 1})
    arms = tuple(arm.model_copy(update={"settings": special}) if arm.name == "b" else arm for arm in experiment.arms)
    summary = summary_of(three_sessions(), experiment.model_copy(update={"arms": arms}))
    assert summary.arms["a"].settings == {"transport": "tcp"}
    assert summary.arms["b"].settings == {"transport": "uds-dir", "workers": 2, "knobs": {"net.core.somaxconn": 1}}
    assert summary.arms["control"].control_of == "a"


def test_a_complete_run_is_valid_and_counts_its_seconds() -> None:
    summary = summary_of(three_sessions())
    assert (summary.valid, summary.sessions, summary.doubts) == (True, 3, ())
    assert (summary.seconds.total, summary.seconds.measuring) == (10, 6)


def test_the_keys_of_format_1_are_all_there() -> None:
    summary = summary_of(three_sessions()).model_dump()
    arm = {"requests", "failed", "requests_per_s", "mean_us", "p50_us", "p90_us", "p99_us", "cpu_us", "control_of"}
    percent = {"percent", "percent_low", "percent_high", "us", "us_low", "us_high", "p", "verdict"}
    assert {"format", "experiment", "directory", "sessions", "valid", "seconds", "arms"} <= set(summary)
    assert arm | {"settings"} <= set(summary["arms"]["a"])
    assert percent | {"arm", "against", "metric"} <= set(summary["comparisons"][0])


def test_a_failing_arm_keeps_its_numbers_but_gets_no_verdict() -> None:
    failing = steady(2, 90.0, failures={"b": {"502": 2, "short": 1}, "a": {}})
    summary = summary_of([steady(1, 89.0), failing, steady(3, 91.0)])
    found = comparison(summary)
    assert found.verdict is None
    assert found.percent == pytest.approx(-10, abs=0.1)
    assert found.why == "b had 3 failed requests (502: 2, short: 1); throughput of errors is not throughput."
    assert comparison(summary, "control").verdict == "equivalent"
    assert (summary.arms["b"].failed, summary.arms["a"].failed, summary.valid) == (3, 0, False)
    assert [(doubt.kind, doubt.arm, doubt.seen) for doubt in summary.doubts] == [
        ("failed", "b", "3 failed requests (502: 2, short: 1).")
    ]


def test_a_failing_reference_leaves_no_verdict_at_all() -> None:
    sessions = [steady(1, failures={"a": {"timeout": 1}}), steady(2), steady(3)]
    assert {found.verdict for found in summary_of(sessions).comparisons} == {None}


def test_an_arm_that_never_answered_has_no_numbers_and_says_why() -> None:
    dead: Times = {"a": [100.0] * 3, "b": [None] * 3, "control": [100.0] * 3}
    summary = summary_of([session_of(dead, number=n, failures={"b": {"refused": 30}}) for n in (1, 2, 3)])
    found = comparison(summary)
    assert (found.percent, found.us, found.p, found.verdict, found.checks) == (None, None, None, None, {})
    assert found.why.startswith("b had 90 failed requests")
    assert (summary.arms["b"].mean_us, summary.arms["b"].requests_per_s, summary.arms["b"].requests) == (None, None, 0)


@pytest.mark.parametrize(("count", "why"), [(0, "0 sessions have"), (1, "1 session has")])
def test_fewer_than_two_sessions_give_no_numbers_and_say_why(count: int, why: str) -> None:
    summary = summary_of(three_sessions()[:count], planned=count)
    found = comparison(summary)
    assert (found.percent, found.percent_low, found.verdict) == (None, None, None)
    assert found.why == f"{why} times of both arms; an interval needs 2."
    assert not summary.valid
    assert kinds(summary) == ["incomplete"]


def test_fewer_sessions_than_planned_are_reported_but_not_valid() -> None:
    summary = summary_of(three_sessions(), planned=12)
    assert comparison(summary).verdict == "faster"
    assert not summary.valid
    assert summary.doubts[0].seen == "3 of 12 sessions were measured."
    assert "results/example" in summary.doubts[0].advice


def test_a_session_that_lacks_an_arm_serves_the_other_pairs() -> None:
    lacking = session_of({"a": [100.0] * 3, "control": [100.0] * 3}, number=3, cpu_us=CPU_US)
    summary = summary_of([steady(1, 89.0), steady(2, 91.0), lacking])
    assert comparison(summary).us == pytest.approx(-10)
    assert comparison(summary, "control").verdict == "equivalent"
    assert summary.arms["b"].mean_us == pytest.approx(90)


def test_a_control_that_differs_is_doubted_and_makes_the_run_invalid() -> None:
    summary = summary_of([steady(n, control_us=110.0) for n in (1, 2, 3)])
    assert comparison(summary, "control").verdict == "slower"
    assert kinds(summary) == ["control", "control"]
    assert summary.doubts[0].seen.startswith(
        "The control is a a second time (an A/A test), but its typical time per request is higher: +10.00 % "
    )
    assert "in mean time per request" in summary.doubts[1].advice
    assert not summary.valid


def test_a_control_that_differs_in_cpu_time_alone_is_doubted_but_valid() -> None:
    cpu_us = CPU_US | {"control": {"nginx": 30.0, "app": 80.0}}
    times_us = {"a": [100.0], "b": [90.0], "control": [100.0]}
    summary = summary_of([session_of(times_us, number=n, cpu_us=cpu_us) for n in (1, 2, 3)])
    assert kinds(summary) == ["control"]
    assert summary.valid


def test_a_control_is_judged_alone_and_the_questions_together() -> None:
    sessions = [
        session_of({"a": [100.0], "b": [b_us], "c": [c_us], "control": [99.9]}, number=number)
        for number, (b_us, c_us) in enumerate([(108.0, 100.0), (110.0, 104.0), (112.0, 96.0)], start=1)
    ]
    summary = summary_of(sessions, experiment_of("a", "b", "c"))
    b = comparison(summary)
    assert b.p is not None
    assert b.p_adjusted == pytest.approx(2 * b.p)
    assert comparison(summary, "control").p_adjusted is None
    undecided = comparison(summary, "c")
    assert undecided.verdict == "undecided"
    assert (undecided.sessions_to_decide or 0) > 3


def test_doubts_of_sessions_are_kept_with_their_number_and_drop_no_data() -> None:
    doubt = Doubt(kind="steal", seen="2.1 % of CPU time stolen.", advice="Use a quieter machine.")
    doubted = [steady(1, 89.0, doubts=[doubt]), *three_sessions()[1:]]
    summary = summary_of(doubted)
    assert summary.doubts == (doubt.model_copy(update={"session": 1}),)
    assert summary.valid
    assert summary.comparisons == summary_of(three_sessions()).comparisons


@pytest.mark.parametrize(
    ("design", "doubts"), [({"sessions": 3}, ["starting"]), ({"sessions": 3, "rounds": 3}, []), ({}, [])]
)
def test_a_number_of_sessions_in_the_file_that_leaves_little_time_for_visits_is_doubted(
    design: dict[str, int], doubts: list[str]
) -> None:
    """The sessions of these tests have 2 s of visits in 3.5 s."""
    experiment = experiment_of("a", "b")
    given = experiment.model_copy(update={"design": experiment.design.model_copy(update=design)})
    summary = summary_of(three_sessions(), given)
    assert kinds(summary) == doubts
    assert all("6 of 10 s" in doubt.seen for doubt in summary.doubts)  # of 10.5 s, to the even number


def test_an_experiment_without_a_control_has_nothing_to_say_of_one() -> None:
    summary = summary_of(three_sessions(), experiment_of("a", "b", control=False))
    assert [found.arm for found in summary.comparisons] == ["b"] * 3
    assert summary.valid


def test_a_session_without_any_visit_is_counted_and_says_nothing() -> None:
    empty = replace(steady(4), record=steady(4).record.model_copy(update={"visits": ()}))
    with_empty = summary_of([*three_sessions(), empty])
    assert with_empty.comparisons == summary_of(three_sessions()).comparisons
    assert with_empty.sessions == 4


def test_a_session_that_the_client_limited_leaves_no_claim_of_throughput() -> None:
    bound = Doubt(kind="client-bound", session=1, seen="seen", advice="advice")
    sessions = [session_of({"a": [400.0] * 3, "b": [390.0] * 3}, number=number, doubts=[bound]) for number in (1, 2)]
    found = run_summary(
        experiment_of("a", "b", control=False), sessions, directory="d", schedule=schedule_of(2), seconds_total=1
    )
    assert found.arms["a"].requests_per_s is None
    assert found.arms["a"].mean_us == 400
