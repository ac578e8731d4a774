"""Send requests in an open loop: at their intended times, whether or not answers have come."""

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


def paced_burst(pool: Crowd, arrivals_ns: Sequence[int], settle: int) -> Burst:
    """Send a request at each of `arrivals_ns` from now on; the first `settle` are not timed.

    A request counts from its intended time; `late_ns` is the delay of the client. A request that finds all connections
    busy opens another one, which is timed. If too many are pending, or after a timeout, the rest is not sent and counts
    as failed.
    """
    tally = Tally(len(arrivals_ns) - settle, opening_counts=True)
    began_ns = perf_counter_ns()
    with timers_that_are_exact():
        for number, arrival_ns in enumerate(arrivals_ns):
            _until(began_ns + arrival_ns, pool, tally)
            if len(pool) >= MOST_WAITING or tally.timed_out:
                tally.failures[PILED_UP] += len(arrivals_ns) - number
                break
            pool.begin(number - settle)
        finish(pool, tally)
    pool.keep(MOST_KEPT)
    intended_ns = [began_ns + arrival_ns for arrival_ns in arrivals_ns[settle:]]
    return tally.burst(_interval_ns(arrivals_ns, settle), intended_ns, pool.proved)


def _until(moment_ns: int, pool: Crowd, tally: Tally) -> None:
    """Record the requests that complete before `moment_ns`."""
    while perf_counter_ns() < moment_ns:
        for completed in pool.ended(moment_ns):
            tally.add(completed)


def _interval_ns(arrivals_ns: Sequence[int], settle: int) -> float:
    return (arrivals_ns[-1] - arrivals_ns[settle]) / max(1, len(arrivals_ns) - settle - 1)


@contextmanager
def timers_that_are_exact() -> Iterator[None]:
    """Set the timer slack of this process to 1 ns in the body; by default timers may be 50 us late."""
    slack = Path("/proc/self/timerslack_ns")
    with suppress(OSError):
        slack.write_text("1")
    try:
        yield
    finally:
        with suppress(OSError):
            slack.write_text("0")  # back to the default of this process
