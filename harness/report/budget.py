"""Says beforehand that a budget is too short, and what the run will take instead."""

from harness.experiment.forecast import Forecast
from harness.model import Experiment, Schedule
from harness.report.wording import counted, duration


def too_short(experiment: Experiment, forecast: Forecast) -> str:
    """Return a sentence where the least that makes sense takes longer than the budget, else nothing."""
    budget_s, design = experiment.design.budget_s, experiment.design
    if forecast.least_s <= budget_s:
        return ""
    sessions = counted(forecast.least_sessions, "session")
    what = f"{sessions}, as the file says," if design.sessions else f"the least that makes sense, {sessions},"
    verb = "take" if design.sessions and forecast.least_sessions > 1 else "takes"
    return (
        f"The budget of {duration(budget_s)} is too short: {what} {verb} about {forecast.least_s:.0f} s "
        f"with start and report. The run takes that long."
    )


def shown_too_short(experiment: Experiment, schedule: Schedule) -> str:
    """Return the same sentence from what the pilot showed: `schedule` follows from it."""
    budget_s, limit_s = experiment.design.budget_s, schedule.limit_s
    if limit_s is None or limit_s <= budget_s:
        return ""
    sessions, rounds = counted(schedule.sessions, "session"), counted(schedule.fewest_rounds, "round")
    return (
        f"The pilot shows that {sessions} of {rounds} end after about {limit_s:.0f} s; "
        f"the budget is {duration(budget_s)}. The run takes that long."
    )
