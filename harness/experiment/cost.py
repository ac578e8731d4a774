"""What a run costs in seconds, and how long its visits are."""

from dataclasses import dataclass, replace

from harness import plugins
from harness.experiment.constraints import OWN_CLIENT, has_external_tools
from harness.model import Experiment, LoadTool, Pilot, Settings

NOMINAL_SESSION_S = 1.2
NOMINAL_REQUEST_S = 0.0005
NOMINAL_OPEN_LOOP_S = 0.35  # a visit at a rate, at least
NOMINAL_CAPACITY_PER_S = 1500.0  # for rates in percent
STARTING_S = 2.0  # start of the command: Python, imports, machine checks
REPORTING_S = 2.0  # report and end of the command
ANALYSIS_S = 0.0006  # analysis of a visit, in the report
PERF_SESSION_S = 0.1  # start and stop of perf, per session
PERF_ARM_S = 0.15  # perf of one arm, per session
PERF_SESSIONS = 4  # sessions with perf: system calls hardly differ between sessions
COST_FIELDS = ("session_s", "round_s", "analysis_s", "counting_s", "reporting_s")  # fields of Cost that scale
PERF_COUNTER_S = 0.05  # an event of [counters] for one arm, per session
PERF_SHARE, OWN_PERF_SHARE = 0.1, 0.25  # largest share of the time for perf; with [counters], which need intervals
PROFILE_SESSION_S = 3.0  # starts of the profiler and of the tracer, per session
PROFILE_ARM_S = 2.2  # profile and wake-ups of one arm, per session
MIN_PER_CONNECTION = 4  # timed requests of a visit with many connections
OPEN_LOOP_S = 0.25  # shortest timed part of a visit at a rate
NOMINAL_OPEN_LOOP_REQUESTS = 300  # requests of a visit at a rate
OPEN_LOOP_BURST = 250  # requests of an arm without a rate, if other arms have one
SEARCH_STEPS = 9  # a closed-loop step, then 8 bisections: from a factor of 4 down to 0.5 %
MIN_SEARCH_STEPS = 6  # down to 4 %
SEARCH_STEP_S = 0.8  # 1100 requests at a rate that a stack sustains on a small machine
MIN_SEARCH_SESSIONS = 4


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of the parts of a run."""

    session_s: float  # start and stop of a session
    round_s: float  # a round of visits
    source: str
    analysis_s: float = 0.0  # a round in the report
    counting_s: float = 0.0  # the perf pass of a session
    reporting_s: float = 0.0  # the end of the command

    def scale(self, slowness: float) -> "Cost":
        """Return the cost on a machine that is slower by the factor `slowness`."""
        fields = {name: slowness * getattr(self, name) for name in COST_FIELDS}
        return replace(self, **fields)

    def total_s(self, sessions: int, rounds: int, counted: int = 0) -> float:
        """Return the seconds of so many sessions, of which perf counts `counted`, with the report."""
        visiting_s = sessions * (self.session_s + rounds * (self.round_s + self.analysis_s))
        return visiting_s + min(sessions, counted) * self.counting_s + self.reporting_s

    def ending_s(self, sessions: int, rounds: int) -> float:
        """Return the seconds from the end of the last session to the exit of the command."""
        return sessions * rounds * self.analysis_s + self.reporting_s

    def perf_sessions(self, time_s: float, share: float = PERF_SHARE) -> int:
        """Return how many sessions perf counts in `share` of a run of `time_s`."""
        affordable = PERF_SESSIONS * self.counting_s <= share * time_s
        return PERF_SESSIONS if affordable or not self.counting_s else int(share * time_s / self.counting_s)


def nominal_cost(experiment: Experiment) -> Cost:
    """Return the cost on a small virtual machine, for use before a pilot."""
    settle, burst = visit_lengths(experiment)
    return Cost(
        session_s=NOMINAL_SESSION_S + profile_s(experiment),
        round_s=sum(settle * NOMINAL_REQUEST_S + nominal_visit_s(arm.settings, burst) for arm in experiment.arms),
        source="estimate before the pilot",
        analysis_s=ANALYSIS_S * len(experiment.arms),
        reporting_s=REPORTING_S,
    )


def pilot_cost(experiment: Experiment, pilot: Pilot) -> Cost:
    """Return the cost that the pilot measured; the report is scaled by the slowness of the machine."""
    return Cost(
        session_s=pilot.session_s + profile_s(experiment),
        round_s=pilot.round_s,
        source="measured by the pilot",
        analysis_s=ANALYSIS_S * len(experiment.arms) * pilot.slowness,
        counting_s=pilot.counting_s,
        reporting_s=REPORTING_S * pilot.slowness,
    )


def perf_pass_s(arms: int, counters: int) -> float:
    """Return the approximate seconds of the perf pass of a session, with the number of `[counters]`."""
    return PERF_SESSION_S + arms * (PERF_ARM_S + counters * PERF_COUNTER_S)


def profile_s(experiment: Experiment) -> float:
    """Return the approximate seconds of the profile of a session; 0 where none is asked for."""
    return PROFILE_SESSION_S + len(experiment.arms) * PROFILE_ARM_S if experiment.design.profile else 0.0


def nominal_visit_s(settings: Settings, burst: int) -> float:
    """Return the approximate seconds of a visit, without settling."""
    if settings.tool != OWN_CLIENT:
        return _nominal_tool_s(settings)
    if settings.p99_limit_ms:
        return SEARCH_STEP_S
    if settings.rate:
        return max(timed_requests(settings, burst) / _rate_per_s(settings.rate), NOMINAL_OPEN_LOOP_S)
    concurrent = (6 * settings.connections) if settings.connections > 1 else 0
    return max(burst, concurrent) * NOMINAL_REQUEST_S


def _rate_per_s(rate: float | str) -> float:
    return float(rate.rstrip("%")) / 100 * NOMINAL_CAPACITY_PER_S if isinstance(rate, str) else rate


def _nominal_tool_s(settings: Settings) -> float:
    tool = plugins.load(LoadTool, settings.tool)
    requests = 0 if tool.picks_request_count else settings.tool_requests
    return tool.start_s + (settings.tool_seconds or requests * NOMINAL_REQUEST_S)


def has_open_loop(experiment: Experiment) -> bool:
    """Return whether requests of any arm are sent at a rate; then the visits of all arms are long."""
    return any(arm.settings.rate for arm in experiment.arms)


def has_long_visits(experiment: Experiment) -> bool:
    """Return whether visits are too long for a pilot to choose the length of bursts."""
    return has_external_tools(experiment) or has_open_loop(experiment)


def visit_lengths(experiment: Experiment) -> tuple[int, int]:
    """Return (settle, burst) of the file, or defaults: our client's bursts are as long as the visits of other tools."""
    settle, burst = _default_lengths(experiment)
    design = experiment.design
    return settle if design.settle is None else design.settle, burst if design.burst is None else design.burst


def _default_lengths(experiment: Experiment) -> tuple[int, int]:
    if has_external_tools(experiment):
        of_client = [arm.settings.tool_requests for arm in experiment.arms if arm.settings.tool == OWN_CLIENT]
        return 5, max(of_client, default=1)
    return (10, OPEN_LOOP_BURST) if has_open_loop(experiment) else (2, 8)


def timed_requests(settings: Settings, burst: int) -> int:
    """Return the number of timed requests of a visit: at least `burst`, more with a rate or many connections."""
    at_rate = OPEN_LOOP_S * settings.rate if isinstance(settings.rate, float) else NOMINAL_OPEN_LOOP_REQUESTS
    concurrent = MIN_PER_CONNECTION * settings.connections if settings.connections > 1 else 0
    return max(burst, round(at_rate), concurrent)


def is_capacity_search(experiment: Experiment) -> bool:
    """Return whether the arms have a p99 limit; all have one or none."""
    return bool(experiment.arms[0].settings.p99_limit_ms)


def capacity_search_split(experiment: Experiment, session_s: float, round_s: float, time_s: float) -> tuple[int, int]:
    """Return (sessions, rounds): what the file fixes, else all steps in 4 or more sessions, else as many as fit."""
    design = experiment.design
    fewest = design.sessions or MIN_SEARCH_SESSIONS
    fitting = int((time_s / fewest - session_s) / round_s)
    rounds = design.rounds or min(max(fitting, MIN_SEARCH_STEPS), SEARCH_STEPS)
    return design.sessions or max(int(time_s / (session_s + rounds * round_s)), MIN_SEARCH_SESSIONS), rounds
