"""What is said of shares of a CPU that were used up."""

import pytest

from harness.analysis.arm_summaries import throttle_counts
from harness.model import Arm, Design, Experiment, Settings, Summary
from harness.report.sections.failures import throttling_sections
from tests.support.run_reports import render_markdown
from tests.support.simulated_run import run_of

FREE = {"periods": 120, "throttled_periods": 0, "throttled_us": 0}
SHARED = ("0.25", "uds")  # the same servers
STOPPED = {"periods": 100, "throttled_periods": 40, "throttled_us": 750_000}


def experiment() -> Experiment:
    arms = tuple(Arm(name=f"{quota:g}", settings=Settings(cpu_quota=quota)) for quota in (0.0, 1.0, 0.25))
    uds = Arm(name="uds", settings=Settings(cpu_quota=0.25, transport="uds-tmpfs"))
    return Experiment(name="quota", question="?", arms=(*arms, uds), pairs=(("1", "0"), ("0.25", "0")), design=Design())


def summary(servers: str = SHARED[0]) -> Summary:
    run = run_of({"0": 1.0, "1": 1.0, "0.25": 2.0, "uds": 2.0}, experiment=experiment(), sessions=2, rounds=2)
    counts = {"1": {"nginx": FREE, "app": FREE}, servers: {"nginx": FREE, "app": STOPPED}}
    records = [one.record.model_copy(update={"throttled": counts}) for one in run.sessions]
    return run.summary.model_copy(update={"throttled": tuple(throttle_counts(experiment(), records))})


def test_counts_are_added_up_over_sessions_stack_by_stack_and_role_by_role() -> None:
    found = {(one.arms, one.role): one for one in summary().throttled}
    assert list(found) == [(("1",), "nginx"), (("1",), "app"), (SHARED, "nginx"), (SHARED, "app")]
    app = found[SHARED, "app"]
    assert (app.cpu_quota, app.periods, app.throttled_periods, app.throttled_us) == (0.25, 200, 80, 1_500_000)


def test_earlier_versions_wrote_the_names_of_all_arms_of_a_stack() -> None:
    assert summary(", ".join(SHARED)).throttled == summary().throttled


def test_who_was_stopped_is_said_and_for_how_long() -> None:
    [section] = throttling_sections(summary())
    assert section.sentences[0] == "Throttled: 0.25 and uds. Never throttled: 1."
    assert "| 0.25 and uds | 0.25 | 0 of 240 (0.00 s) | 80 of 200 (1.50 s) |" in render_markdown(summary(), Design())


@pytest.mark.parametrize(("role", "sentence"), [("nginx", "No server was throttled: every quota was sufficient."),
    ("app", "All servers were throttled.")])  # fmt: skip
def test_where_all_are_alike_none_is_named(role: str, sentence: str) -> None:
    alike = tuple(one for one in summary().throttled if one.arms == SHARED and one.role == role)
    [section] = throttling_sections(summary().model_copy(update={"throttled": alike}))
    assert section.sentences[0] == sentence


def test_where_nothing_is_counted_nothing_is_said() -> None:
    assert not list(throttle_counts(experiment(), []))
    assert throttling_sections(run_of({"a": 1.0, "b": 1.0}, sessions=1, rounds=2).summary) == []
