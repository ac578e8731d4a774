"""Bursts of their own under perf, after a session's visits: they are counted and never timed."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from harness.arrange import Arranged
from harness.errors import HarnessError
from harness.evidence.counters.perf import INSTALL, perf_stat, why_not
from harness.lab.programs import find_program
from harness.model import VisitRow

# System calls hardly differ between sessions, and perf takes half a second to begin and end.
SESSIONS = 4
MOST_ARMS = 8
REQUESTS = 200


@dataclass(frozen=True, slots=True)
class Counted:
    visits: tuple[VisitRow, ...] = ()
    unseen: tuple[str, ...] = ()


def counted_bursts(session: int, arranged: Arranged) -> Counted:
    """A burst for each arm, in the first sessions; or a sentence on why there is none."""
    if session > SESSIONS:
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
        return _bursts(arranged, program, arranged.scratch / "perf")
    except HarnessError as error:
        return Counted(unseen=(why_not(error, arranged.scratch / "perf"),))


def _unknown(why: str) -> Counted:
    return Counted(unseen=(f"System calls per request are not known: {why}",))


def _bursts(arranged: Arranged, program: str, directory: Path) -> Counted:
    """Every arm has a perf of its own, so that all can begin and end at once: that is what takes time."""
    visitors = [one for one in arranged.visitors if arranged.pids_of(one.arm)]
    with ExitStack() as until_the_end:
        perfs = [
            until_the_end.enter_context(perf_stat(program, arranged.pids_of(one.arm), directory / f"{number:02}"))
            for number, one in enumerate(visitors)
        ]
        for visitor, perf in zip(visitors, perfs, strict=True):
            perf.enable()
            visitor.send(REQUESTS, 0)
            perf.disable()
        for perf in perfs:
            perf.ask_to_end()
        found = [perf.counted() for perf in perfs]
    rows = [_row(one.arm, counts) for one, (counts, _) in zip(visitors, found, strict=True)]
    return Counted(tuple(rows), tuple(_not_here(dict.fromkeys(name for _, names in found for name in names))))


def _not_here(names: Iterable[str]) -> Iterator[str]:
    if listed := ", ".join(names):
        yield f"This machine does not count {listed}: perf says that it is not supported."


def _row(arm: str, counts: Mapping[str, int]) -> VisitRow:
    per_request = {name: count / REQUESTS for name, count in counts.items()}
    return VisitRow(round=0, order=0, arm=arm, requests=REQUESTS, mean_us=None, counters=per_request)
