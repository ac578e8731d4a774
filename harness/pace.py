"""Keep a run within its time: plan each session from the time that is left."""

from dataclasses import dataclass, field
from statistics import fmean

from harness.clock import Clock
from harness.experiment.cost import Cost, nominal_cost, piloted_cost
from harness.experiment.pacing import Position, next_schedule
from harness.experiment.schedule import least_of
from harness.model import Plan, Schedule

RECENT = 3  # sessions from which the duration of the next one is estimated


@dataclass(slots=True)
class Pace:
    """The pace of a run with `done` sessions so far. Without a clock all planned sessions are measured."""

    plan: Plan
    done: int
    clock: Clock | None = None
    sessions_s: list[float] = field(default_factory=list)  # of the sessions so far, without visits and perf

    def add(self, session_s: float) -> None:
        """Add a session that took `session_s` seconds without its visits."""
        self.done += 1
        self.sessions_s.append(session_s)

    def next(self) -> Schedule | None:
        """Return the schedule of the next session, or None when time is over."""
        schedule = self.plan.schedule
        if self.clock is None or schedule.limit_s is None:
            return schedule
        cost = cost_of(self.plan)
        session_s = fmean(self.sessions_s[-RECENT:]) if self.sessions_s else cost.session_s
        slower = max(session_s / cost.session_s, 1.0)
        counting_s = max(schedule.counted_sessions - self.done, 0) * cost.counting_s
        ending_s = slower * cost.ending_s(schedule.sessions, schedule.rounds)
        position = Position(
            done=self.done,
            left_s=schedule.limit_s - self.clock.spent_s() - counting_s - ending_s,
            session_s=session_s,
            round_s=slower * cost.round_s,
            promised=promised_sessions(self.plan, cost),
        )
        return next_schedule(schedule, position)


def cost_of(plan: Plan) -> Cost:
    """Return the cost from the pilot, or the nominal one if there was no pilot."""
    return piloted_cost(plan.experiment, plan.pilot) if plan.pilot else nominal_cost(plan.experiment)


def promised_sessions(plan: Plan, cost: Cost) -> int:
    """Return how many sessions are made however long they take.

    These are the sessions that the file fixes; if the budget is too short for the minimum, they are that minimum.
    """
    design, limit_s = plan.experiment.design, plan.schedule.limit_s
    if design.sessions:
        return design.sessions
    too_short = limit_s is not None and limit_s > design.budget_s
    return least_of(plan.experiment, cost, 0.0).sessions if too_short else 0
