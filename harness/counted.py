"""Bursts of their own under perf, after a session's visits: they are counted and never timed."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from harness.arrange import Arranged
from harness.errors import HarnessError
from harness.evidence.counters.perf import INSTALL, perf_stat, why_not
from harness.lab.programs import find_program
from harness.model import VisitRow

# System calls hardly differ between sessions, and perf takes half a second to begin and end.
SESSIONS = 2
MOST_ARMS = 8
REQUESTS = 200


@dataclass(frozen=True, slots=True)
class Counted:
    visits: tuple[VisitRow, ...] = ()
    unseen: tuple[str, ...] = ()


def counted_bursts(session: int, arranged: Arranged, directory: Path) -> Counted:
    """A burst for each arm, in the first sessions; or a sentence on why there is none."""
    if session > SESSIONS:
        return Counted()
    program = find_program("perf")
    if program is None:
        return Counted(unseen=(f"System calls per request are not known: there is no program 'perf'. {INSTALL}",))
    if len(arranged.visitors) > MOST_ARMS:
        return Counted(
            unseen=(f"System calls per request are not counted in experiments of more than {MOST_ARMS} arms.",)
        )
    try:
        return Counted(tuple(_bursts(arranged, program, directory / "perf")))
    except HarnessError as error:
        return Counted(unseen=(why_not(error, directory / "perf"),))


def _bursts(arranged: Arranged, program: str, directory: Path) -> Iterator[VisitRow]:
    """Every arm has a perf of its own, so that all can begin and end at once: that is what takes time."""
    with ExitStack() as until_the_end:
        perfs = [
            until_the_end.enter_context(perf_stat(program, arranged.pids_of(one.arm), directory / f"{number:02}"))
            for number, one in enumerate(arranged.visitors)
        ]
        for visitor, perf in zip(arranged.visitors, perfs, strict=True):
            perf.enable()
            visitor.send(REQUESTS, 0)
            perf.disable()
        for perf in perfs:
            perf.ask_to_end()
        for visitor, perf in zip(arranged.visitors, perfs, strict=True):
            yield _row(visitor.arm, perf.counted())


def _row(arm: str, counts: Mapping[str, int]) -> VisitRow:
    per_request = {name: count / REQUESTS for name, count in counts.items()}
    return VisitRow(round=0, order=0, arm=arm, requests=REQUESTS, mean_us=None, counters=per_request)
