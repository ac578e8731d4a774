"""Send requests in a closed loop: each connection sends again as soon as it has its answer."""

from itertools import count
from time import perf_counter_ns

from harness.experiment.lengths import LEAST_PER_CONNECTION
from harness.load.client import Burst
from harness.load.crowd.loop import Crowd
from harness.load.crowd.tally import Tally


def busy_burst(pool: Crowd, connections: int, settle: int, timed: int) -> Burst:
    """Send `timed` requests, at least 4 per connection, with all connections busy from the first to the last.

    `settle` untimed requests precede them, at least one per connection, and enough follow to keep the load up. A
    timeout ends the burst, because the next requests would wait as long.
    """
    tally = Tally(max(timed, LEAST_PER_CONNECTION * connections))
    start_ns: dict[int, int] = {}
    tickets = count(-max(settle, connections))

    def start_next() -> None:
        ticket = next(tickets)
        start_ns[ticket] = perf_counter_ns()
        pool.begin(ticket)

    for _ in range(connections):
        start_next()
    while tally.missing and not tally.timed_out:
        for completed in pool.ended():
            tally.add(completed)
            start_next()
    finish(pool, tally)
    is_complete = tally.timed in start_ns
    interval_ns = (start_ns[tally.timed] - start_ns[0]) / tally.timed if is_complete else 0.0
    return tally.burst(interval_ns, proved=pool.proved)


def finish(pool: Crowd, tally: Tally) -> None:
    """Wait for the pending requests, so that they do not disturb the next visit; after a timeout, cancel them."""
    while len(pool) and not tally.timed_out:
        for completed in pool.ended():
            tally.add(completed)
    pool.abandon()
