"""Estimate the seconds that a run takes, with nominal values or from a pilot."""

from dataclasses import dataclass, replace

from harness import plugins
from harness.experiment.lengths import timed_requests, visit_lengths
from harness.experiment.limits import CLIENT, TOOLS
from harness.experiment.search import STEP_S
from harness.model import Experiment, LoadTool, Pilot, Settings

NOMINAL_SESSION_S = 1.2
NOMINAL_REQUEST_S = 0.0005
NOMINAL_PACED_S = 0.35  # a visit at a rate, at least
NOMINAL_CAPACITY_PER_S = 1500.0  # for rates in percent
STARTING_S = 2.0  # start of the command: Python, imports, machine checks
REPORTING_S = 2.0  # report and end of the command
ANALYSIS_S = 0.0006  # analysis of a visit, in the report
COUNTING_S = 1.0  # start and stop of perf, per session
COUNTING_ARM_S = 0.15  # perf of one arm, per session
COUNTED_SESSIONS = 4  # sessions with perf: system calls hardly differ between sessions
SECONDS = ("session_s", "round_s", "analysis_s", "counting_s", "reporting_s")  # fields of Cost that scale
COUNTING_SHARE = 0.1  # largest share of the time for perf


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of the parts of a run.

    `session_s`: start and stop of a session; `round_s`: a round of visits; `analysis_s`: a round in the report;
    `counting_s`: the perf pass of a session; `reporting_s`: the end of the command.
    """

    session_s: float
    round_s: float
    source: str
    analysis_s: float = 0.0
    counting_s: float = 0.0
    reporting_s: float = 0.0

    def times(self, slowness: float) -> "Cost":
        """Return the cost on a machine that is slower by the factor `slowness`."""
        fields = {name: slowness * getattr(self, name) for name in SECONDS}
        return replace(self, **fields)

    def total_s(self, sessions: int, rounds: int, counted: int = 0) -> float:
        """Return the seconds of so many sessions, of which perf counts `counted`, with the report."""
        visiting_s = sessions * (self.session_s + rounds * (self.round_s + self.analysis_s))
        return visiting_s + min(sessions, counted) * self.counting_s + self.reporting_s

    def ending_s(self, sessions: int, rounds: int) -> float:
        """Return the seconds from the end of the last session to the exit of the command."""
        return sessions * rounds * self.analysis_s + self.reporting_s

    def counted_sessions(self, time_s: float) -> int:
        """Return how many sessions perf counts in a run of `time_s`."""
        affordable = COUNTED_SESSIONS * self.counting_s <= COUNTING_SHARE * time_s
        return COUNTED_SESSIONS if affordable or not self.counting_s else int(COUNTING_SHARE * time_s / self.counting_s)


def nominal_cost(experiment: Experiment) -> Cost:
    """Return the cost on a small virtual machine, for use before a pilot."""
    settle, burst = visit_lengths(experiment)
    round_s = sum(settle * NOMINAL_REQUEST_S + visit_s(arm.settings, burst) for arm in experiment.arms)
    arms = len(experiment.arms)
    return Cost(
        session_s=NOMINAL_SESSION_S,
        round_s=round_s,
        source="estimate before the pilot",
        analysis_s=ANALYSIS_S * arms,
        reporting_s=REPORTING_S,
    )


def piloted_cost(experiment: Experiment, pilot: Pilot) -> Cost:
    """Return the cost that the pilot measured; the report is scaled by the slowness of the machine."""
    return Cost(
        session_s=pilot.session_s,
        round_s=pilot.round_s,
        source="measured by the pilot",
        analysis_s=ANALYSIS_S * len(experiment.arms) * pilot.slowness,
        counting_s=pilot.counting_s,
        reporting_s=REPORTING_S * pilot.slowness,
    )


def counting_s(arms: int) -> float:
    """Return the approximate seconds of the perf pass of a session."""
    return COUNTING_S + arms * COUNTING_ARM_S


def visit_s(settings: Settings, burst: int) -> float:
    """Return the approximate seconds of a visit, without settling."""
    if settings.tool != CLIENT:
        return _tool_s(settings)
    if settings.p99_limit_ms:
        return STEP_S
    if settings.rate:
        return max(timed_requests(settings, burst) / _rate_per_s(settings.rate), NOMINAL_PACED_S)
    concurrent = (6 * settings.connections) if settings.connections > 1 else 0
    return max(burst, concurrent) * NOMINAL_REQUEST_S


def _rate_per_s(rate: float | str) -> float:
    return float(rate.rstrip("%")) / 100 * NOMINAL_CAPACITY_PER_S if isinstance(rate, str) else rate


def _tool_s(settings: Settings) -> float:
    tool = plugins.load(TOOLS, settings.tool, LoadTool)
    requests = 0 if tool.own_amount else settings.tool_requests
    return tool.start_s + (settings.tool_seconds or requests * NOMINAL_REQUEST_S)
