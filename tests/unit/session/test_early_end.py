"""A run that time ended with few sessions says so before its answer."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.model import OUT_OF_TIME, Summary
from harness.report.caveats import reliability_warning
from harness.session.summarize import read_results
from tests.support.comparable_runs import run_data, write_run


def ended_after(sessions: int, planned: int, directory: Path) -> Summary:
    """The summary of a run of so many sessions, of more that were `planned`."""
    run = run_data(sessions=sessions)
    schedule = run.plan.schedule.model_copy(update={"sessions": planned, "looks": (planned,)})
    last = sessions if sessions < planned else None
    plan = run.plan.model_copy(update={"schedule": schedule, "orders": (), "out_of_time_after": last})
    return read_results(write_run(replace(run, plan=plan), directory)).summary


@pytest.mark.parametrize(("sessions", "planned", "least"), [(2, 12, 8), (7, 12, 8), (3, 4, 4)])
def test_few_sessions_are_a_doubt_and_the_first_line(sessions: int, planned: int, least: int, tmp_path: Path) -> None:
    summary = ended_after(sessions, planned, tmp_path)
    (doubt,) = (doubt for doubt in summary.doubts if doubt.kind == OUT_OF_TIME)
    assert doubt.seen == (
        f"The time limit was reached after {sessions} of {planned} planned sessions. With fewer than {least}, one "
        "unusual session determines the interval."
    )
    warning = reliability_warning(summary)
    assert warning.startswith("Not reliable: the numbers below are a first impression, do not decide by them")
    assert doubt.seen in warning


@pytest.mark.parametrize(("sessions", "planned"), [(8, 12), (9, 12), (4, 4)])
def test_enough_sessions_or_all_that_were_planned_are_none(sessions: int, planned: int, tmp_path: Path) -> None:
    summary = ended_after(sessions, planned, tmp_path)
    assert OUT_OF_TIME not in {doubt.kind for doubt in summary.doubts}
    assert "The time limit was reached" not in reliability_warning(summary)
