"""Keeps a run within its time budget: the clock of the command, and the schedule of the next session."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from harness.experiment.cost import Cost, nominal_cost, pilot_cost
from harness.experiment.schedule import RunProgress, minimal_schedule, next_schedule
from harness.model import Experiment, Plan, Schedule

RECENT_SESSIONS = 3  # sessions from which the duration of the next one is estimated
MAX_SLOWNESS = 10.0
PROBE_CPU_S = 0.05
START_TIME_FIELD = 19  # starttime in /proc/PID/stat, counted from the field after the name, in clock ticks since boot


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock that counts from `began_s`, a time of `now()`."""

    began_s: float
    now: Callable[[], float] = time.monotonic

    def spent_s(self) -> float:
        """Return the seconds since the clock began."""
        return self.now() - self.began_s


@dataclass(slots=True)
class TimeBudget:
    """The time budget of a run with `done` sessions so far. Without a clock all planned sessions are measured."""

    plan: Plan
    done: int
    clock: Clock | None = None
    sessions_s: list[float] = field(default_factory=list)  # of the sessions so far, without visits and perf

    def add(self, session_s: float) -> None:
        """Add a session that took `session_s` seconds without its visits."""
        self.done += 1
        self.sessions_s.append(session_s)

    def next_session_schedule(self) -> Schedule | None:
        """Return the schedule of the next session, or None when time is over."""
        schedule = self.plan.schedule
        if self.clock is None or schedule.limit_s is None:
            return schedule
        experiment, pilot = self.plan.experiment, self.plan.pilot
        cost = pilot_cost(experiment, pilot) if pilot else nominal_cost(experiment)
        session_s = fmean(self.sessions_s[-RECENT_SESSIONS:]) if self.sessions_s else cost.session_s
        slower = max(session_s / cost.session_s, 1.0)
        counting_s = max(schedule.counted_sessions - self.done, 0) * cost.counting_s
        ending_s = slower * cost.ending_s(schedule.sessions, schedule.rounds)
        position = RunProgress(
            done=self.done,
            left_s=schedule.limit_s - self.clock.spent_s() - counting_s - ending_s,
            session_s=session_s,
            round_s=slower * cost.round_s,
            guaranteed_sessions=_guaranteed_sessions(experiment, schedule.limit_s, cost),
        )
        return next_schedule(schedule, position)


def _guaranteed_sessions(experiment: Experiment, limit_s: float, cost: Cost) -> int:
    """Return the number of sessions that are measured however long they take: that of the file, or the minimum."""
    if experiment.design.sessions:
        return experiment.design.sessions
    is_short = limit_s > experiment.design.budget_s
    return minimal_schedule(experiment, cost, 0.0).sessions if is_short else 0


def command_clock() -> Clock:
    """Return a clock that counts from the start of this process."""
    return Clock(time.monotonic() - process_age_s())


def process_age_s(stat: Path = Path("/proc/self/stat")) -> float:
    """Return the seconds since this process was started; 0 if unknown."""
    try:
        fields = stat.read_text().rpartition(")")[2].split()
        started_s = int(fields[START_TIME_FIELD]) / os.sysconf("SC_CLK_TCK")
        return max(time.clock_gettime(time.CLOCK_BOOTTIME) - started_s, 0.0)
    except (OSError, ValueError, IndexError):
        return 0.0


def slowness(elapsed_s: float, cpu_s: float) -> float:
    """Return elapsed time / CPU time of a computation, limited to 1 to 10: above 1 if others used the CPUs."""
    return min(max(elapsed_s / cpu_s, 1.0), MAX_SLOWNESS) if cpu_s > 0 else 1.0


def current_slowness() -> float:
    """Return the slowness of a short computation made now.

    The start-up time of the command does not show it: the first start on a machine waits for the disk.
    """
    began_s, began_cpu_s = time.monotonic(), time.thread_time()
    while time.thread_time() - began_cpu_s < PROBE_CPU_S:
        pass
    return slowness(time.monotonic() - began_s, time.thread_time() - began_cpu_s)
