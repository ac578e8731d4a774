"""Bursts of their own under perf, after a session's visits: they are counted and never timed."""

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
    visits: tuple[VisitRow, ...] = ()
    unseen: tuple[str, ...] = ()


def expected_counting_s(experiment: Experiment) -> float:
    """Return what perf takes in a session, about; 0 where it cannot count."""
    counts = find_program("perf") and not has_tools(experiment) and stacks_of(experiment)
    return counting_s(len(experiment.arms)) if counts and len(experiment.arms) <= MOST_ARMS else 0.0


def counted_bursts(session: int, schedule: Schedule, arranged: Arranged, request_s: float) -> Counted:
    """A burst for each arm, in the first sessions; or a sentence on why there is none.

    `request_s` is what a request took, about.
    """
    if not schedule.counted_sessions and session == 1:
        return _unknown("the budget leaves no time for it. Give a longer --budget.")
    if session > schedule.counted_sessions:
        return Counted()
    program = find_program("perf")
    if program is None:
        return _unknown(f"there is no program 'perf'. {INSTALL}")
    if arranged.by_tools:
        return _unknown("they are counted of arms that barehop's own client visits, and an outside tool visits these.")
    if not arranged.stacks:
        return Counted()
    if len(arranged.visitors) > MOST_ARMS:
        return _unknown(f"they are counted in experiments of at most {MOST_ARMS} arms.")
    try:
        return _bursts(arranged, program, arranged.scratch / "perf", requests_within(BURST_S, request_s))
    except HarnessError as error:
        return Counted(unseen=(why_not(error, arranged.scratch / "perf"),))


def requests_within(time_s: float, request_s: float) -> int:
    """Return how many requests of a counted burst fit `time_s`: 5 to 200."""
    return min(max(int(time_s / request_s), FEWEST_REQUESTS), REQUESTS) if request_s > 0 else REQUESTS


def _unknown(why: str) -> Counted:
    return Counted(unseen=(f"System calls per request are not known: {why}",))


def _bursts(arranged: Arranged, program: str, directory: Path, requests: int) -> Counted:
    """Every arm has a perf of its own, so that all can begin and end at once: that is what takes time."""
    visitors = [one for one in arranged.visitors if arranged.pids_of(one.arm)]
    with ExitStack() as until_the_end:
        perfs = [
            until_the_end.enter_context(perf_stat(program, arranged.pids_of(one.arm), directory / f"{number:02}"))
            for number, one in enumerate(visitors)
        ]
        for visitor, perf in zip(visitors, perfs, strict=True):
            perf.enable()
            visitor.send(requests, 0)
            perf.disable()
        for perf in perfs:
            perf.ask_to_end()
        found = [perf.counted() for perf in perfs]
    rows = [_row(one.arm, counts, requests) for one, (counts, _) in zip(visitors, found, strict=True)]
    return Counted(tuple(rows), tuple(_not_here(dict.fromkeys(name for _, names in found for name in names))))


def _not_here(names: Iterable[str]) -> Iterator[str]:
    if listed := ", ".join(names):
        yield f"This machine does not count {listed}: perf says that it is not supported."


def _row(arm: str, counts: Mapping[str, int], requests: int) -> VisitRow:
    per_request = {name: count / requests for name, count in counts.items()}
    return VisitRow(round=0, order=0, arm=arm, requests=requests, mean_us=None, counters=per_request)
