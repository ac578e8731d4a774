"""Warnings that a budget is too short."""

from harness.experiment.forecast import Forecast
from harness.model import Experiment, Schedule
from harness.report.wording import counted, duration


def too_short(experiment: Experiment, forecast: Forecast) -> str:
    """Return a sentence if the shortest useful run takes longer than the budget, else nothing."""
    budget_s, design = experiment.design.budget_s, experiment.design
    if forecast.least_s <= budget_s:
        return ""
    sessions = counted(forecast.least_sessions, "session")
    what = f"{sessions}, as set in the file," if design.sessions else f"the minimum, {sessions},"
    verb = "take" if design.sessions and forecast.least_sessions > 1 else "takes"
    return (
        f"The budget of {duration(budget_s)} is too short: {what} {verb} about {forecast.least_s:.0f} s, start and "
        "report included. The run takes that long."
    )


def shown_too_short(experiment: Experiment, schedule: Schedule) -> str:
    """Return the same warning after the pilot, from the `schedule` that it gave."""
    budget_s, limit_s = experiment.design.budget_s, schedule.limit_s
    if limit_s is None or limit_s <= budget_s:
        return ""
    sessions, rounds = counted(schedule.sessions, "session"), counted(schedule.fewest_rounds, "round")
    return (
        f"According to the pilot, {sessions} of {rounds} take about {limit_s:.0f} s; the budget is "
        f"{duration(budget_s)}. The run takes that long."
    )
