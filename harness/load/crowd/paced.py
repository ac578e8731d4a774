"""An open loop: requests are sent when they are meant to be, whether or not answers have come."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import perf_counter_ns

from harness.experiment.connections import MOST_KEPT, MOST_WAITING
from harness.load.client import Burst
from harness.load.crowd.busy import finish
from harness.load.crowd.loop import Crowd
from harness.load.crowd.tally import Tally

PILED_UP = f"not sent because {MOST_WAITING} others waited"


def paced_burst(crowd: Crowd, arrivals_ns: Sequence[int], settle: int) -> Burst:
    """A request at each of `arrivals_ns` from now on, of which the first `settle` are not timed.

    A request counts from when it was meant to be sent: what the client is late is `late_ns`. One that finds all
    connections busy opens another, in its own time. Where too many wait for
    their answers, the rest is not sent and counts as failed; so it is after a timeout.
    """
    tally = Tally(len(arrivals_ns) - settle, opening_counts=True)
    began_ns = perf_counter_ns()
    with timers_that_are_exact():
        for number, arrival_ns in enumerate(arrivals_ns):
            _until(began_ns + arrival_ns, crowd, tally)
            if len(crowd) >= MOST_WAITING or tally.timed_out:
                tally.failures[PILED_UP] += len(arrivals_ns) - number
                break
            crowd.begin(number - settle)
        finish(crowd, tally)
    crowd.keep(MOST_KEPT)
    meant_ns = [began_ns + arrival_ns for arrival_ns in arrivals_ns[settle:]]
    return tally.burst(_interval_ns(arrivals_ns, settle), meant_ns, crowd.proved)


def _until(moment_ns: int, crowd: Crowd, tally: Tally) -> None:
    """Take in what ends before `moment_ns`."""
    while perf_counter_ns() < moment_ns:
        for ended in crowd.ended(moment_ns):
            tally.add(ended)


def _interval_ns(arrivals_ns: Sequence[int], settle: int) -> float:
    return (arrivals_ns[-1] - arrivals_ns[settle]) / max(1, len(arrivals_ns) - settle - 1)


@contextmanager
def timers_that_are_exact() -> Iterator[None]:
    """The kernel may let a timer be 50 us late, to save power, unless it is told that this matters."""
    slack = Path("/proc/self/timerslack_ns")
    with suppress(OSError):
        slack.write_text("1")
    try:
        yield
    finally:
        with suppress(OSError):
            slack.write_text("0")  # back to the default of this process
