"""Count system calls and hardware events with perf in extra bursts after a session's visits; these are not timed."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.experiment.cost import has_external_tools, perf_pass_s
from harness.experiment.stacks import stacks_of
from harness.model import Experiment, Schedule, VisitRow
from harness.observe.perf import INSTALL_ADVICE, explain_failure, perf_stat
from harness.session.session import RunningSession
from harness.testbed.servers.programs import find_program

MAX_ARMS = 8
MAX_REQUESTS = 200
MIN_REQUESTS = 5
BURST_S = 0.5  # of an arm, where its requests are slow


@dataclass(frozen=True, slots=True)
class PerfPass:
    """The counts per request, a row for each arm, and sentences on what could not be counted."""

    visits: tuple[VisitRow, ...] = ()
    unseen: tuple[str, ...] = ()


def expected_perf_s(experiment: Experiment) -> float:
    """Return the approximate seconds of the perf pass of a session; 0 if perf cannot count."""
    can_count = find_program("perf") and not has_external_tools(experiment) and stacks_of(experiment)
    return perf_pass_s(len(experiment.arms)) if can_count and len(experiment.arms) <= MAX_ARMS else 0.0


def run_perf_pass(session: int, schedule: Schedule, arranged: RunningSession, request_s: float) -> PerfPass:
    """Count a burst of each arm in the first sessions, or return a sentence on why not.

    `request_s` is the approximate duration of a request.
    """
    if not schedule.counted_sessions and session == 1:
        return _not_counted("the budget leaves no time for perf. Give a longer --budget.")
    if session > schedule.counted_sessions:
        return PerfPass()
    program = find_program("perf")
    if program is None:
        return _not_counted(f"there is no program 'perf'. {INSTALL_ADVICE}")
    if arranged.has_external_tools:
        return _not_counted("they are counted only with barehop's own client, and these arms have an external tool.")
    if not arranged.stacks:
        return PerfPass()
    if len(arranged.visitors) > MAX_ARMS:
        return _not_counted(f"they are counted only in experiments of at most {MAX_ARMS} arms.")
    try:
        return _count_bursts(
            arranged, program, arranged.scratch_directory / "perf", fitting_requests(BURST_S, request_s)
        )
    except HarnessError as error:
        return PerfPass(unseen=(explain_failure(error, arranged.scratch_directory / "perf"),))


def fitting_requests(time_s: float, request_s: float) -> int:
    """Return how many requests of a counted burst fit into `time_s`: 5 to 200."""
    return min(max(int(time_s / request_s), MIN_REQUESTS), MAX_REQUESTS) if request_s > 0 else MAX_REQUESTS


def _not_counted(why: str) -> PerfPass:
    return PerfPass(unseen=(f"System calls per request are not known: {why}",))


def _count_bursts(arranged: RunningSession, program: str, directory: Path, requests: int) -> PerfPass:
    """Count one burst of each arm. Each arm has its own perf, so that all start and stop together, which is slow."""
    visitors = [visitor for visitor in arranged.visitors if arranged.pids_of(visitor.arm)]
    with ExitStack() as exit_stack:
        perfs = [
            exit_stack.enter_context(perf_stat(program, arranged.pids_of(visitor.arm), directory / f"{number:02}"))
            for number, visitor in enumerate(visitors)
        ]
        for visitor, perf in zip(visitors, perfs, strict=True):
            perf.enable()
            visitor.send(requests, 0)
            perf.disable()
        for perf in perfs:
            perf.ask_to_end()
        results = [perf.read_counts() for perf in perfs]
    rows = [_perf_row(visitor.arm, counts, requests) for visitor, (counts, _) in zip(visitors, results, strict=True)]
    return PerfPass(
        tuple(rows), tuple(_unsupported_events(dict.fromkeys(name for _, names in results for name in names)))
    )


def _unsupported_events(names: Iterable[str]) -> Iterator[str]:
    if listed := ", ".join(names):
        yield f"perf hardware counters ({listed}) are not available on this machine."


def _perf_row(arm: str, counts: Mapping[str, int], requests: int) -> VisitRow:
    per_request = {name: count / requests for name, count in counts.items()}
    return VisitRow(round=0, order=0, arm=arm, requests=requests, mean_us=None, counters=per_request)
