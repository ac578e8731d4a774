"""Count system calls and hardware events with perf in extra bursts after a session's visits; these are not timed."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from harness.arrange import Arranged
from harness.errors import HarnessError
from harness.evidence.counters.perf import INSTALL, perf_stat, why_not
from harness.experiment.cost import counting_s
from harness.experiment.lengths import has_tools
from harness.experiment.sharing import stacks_of
from harness.lab.programs import find_program
from harness.model import Experiment, Schedule, VisitRow

MOST_ARMS = 8
REQUESTS = 200
FEWEST_REQUESTS = 5
BURST_S = 0.5  # of an arm, where its requests are slow


@dataclass(frozen=True, slots=True)
class Counted:
    """The counts per request, a row for each arm, and sentences on what could not be counted."""

    visits: tuple[VisitRow, ...] = ()
    unseen: tuple[str, ...] = ()


def expected_counting_s(experiment: Experiment) -> float:
    """Return the approximate seconds of the perf pass of a session; 0 if perf cannot count."""
    can_count = find_program("perf") and not has_tools(experiment) and stacks_of(experiment)
    return counting_s(len(experiment.arms)) if can_count and len(experiment.arms) <= MOST_ARMS else 0.0


def counted_bursts(session: int, schedule: Schedule, arranged: Arranged, request_s: float) -> Counted:
    """Count a burst of each arm in the first sessions, or return a sentence on why not.

    `request_s` is the approximate duration of a request.
    """
    if not schedule.counted_sessions and session == 1:
        return _unknown("the budget leaves no time for perf. Give a longer --budget.")
    if session > schedule.counted_sessions:
        return Counted()
    program = find_program("perf")
    if program is None:
        return _unknown(f"there is no program 'perf'. {INSTALL}")
    if arranged.by_tools:
        return _unknown("they are counted only with barehop's own client, and these arms have an external tool.")
    if not arranged.stacks:
        return Counted()
    if len(arranged.visitors) > MOST_ARMS:
        return _unknown(f"they are counted only in experiments of at most {MOST_ARMS} arms.")
    try:
        return _bursts(arranged, program, arranged.scratch / "perf", requests_within(BURST_S, request_s))
    except HarnessError as error:
        return Counted(unseen=(why_not(error, arranged.scratch / "perf"),))


def requests_within(time_s: float, request_s: float) -> int:
    """Return how many requests of a counted burst fit into `time_s`: 5 to 200."""
    return min(max(int(time_s / request_s), FEWEST_REQUESTS), REQUESTS) if request_s > 0 else REQUESTS


def _unknown(why: str) -> Counted:
    return Counted(unseen=(f"System calls per request are not known: {why}",))


def _bursts(arranged: Arranged, program: str, directory: Path, requests: int) -> Counted:
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
        results = [perf.counted() for perf in perfs]
    rows = [_row(visitor.arm, counts, requests) for visitor, (counts, _) in zip(visitors, results, strict=True)]
    return Counted(tuple(rows), tuple(_not_here(dict.fromkeys(name for _, names in results for name in names))))


def _not_here(names: Iterable[str]) -> Iterator[str]:
    if listed := ", ".join(names):
        yield f"perf hardware counters ({listed}) are not available on this machine."


def _row(arm: str, counts: Mapping[str, int], requests: int) -> VisitRow:
    per_request = {name: count / requests for name, count in counts.items()}
    return VisitRow(round=0, order=0, arm=arm, requests=requests, mean_us=None, counters=per_request)
