"""A closed loop over many connections: each asks again as soon as it has its answer."""

from itertools import count
from time import perf_counter_ns

from harness.experiment.lengths import LEAST_PER_CONNECTION
from harness.load.client import Burst
from harness.load.crowd.loop import Crowd
from harness.load.crowd.tally import Tally


def busy_burst(crowd: Crowd, connections: int, settle: int, timed: int) -> Burst:
    """`timed` requests, and at least 4 on each connection, with all connections busy from the first to the last.

    Before them go `settle` untimed ones, and at least one on each connection; behind them as many as it takes. A
    timeout ends the burst, for what is behind it would wait as long.
    """
    tally = Tally(max(timed, LEAST_PER_CONNECTION * connections))
    begun_ns: dict[int, int] = {}
    tickets = count(-max(settle, connections))

    def begin() -> None:
        ticket = next(tickets)
        begun_ns[ticket] = perf_counter_ns()
        crowd.begin(ticket)

    for _ in range(connections):
        begin()
    while tally.missing and not tally.timed_out:
        for ended in crowd.ended():
            tally.add(ended)
            begin()
    finish(crowd, tally)
    whole = tally.timed in begun_ns
    interval_ns = (begun_ns[tally.timed] - begun_ns[0]) / tally.timed if whole else 0.0
    return tally.burst(interval_ns, proved=crowd.proved)


def finish(crowd: Crowd, tally: Tally) -> None:
    """See the requests under way to their end, so that they burden no other visit; after a timeout, let go of them."""
    while len(crowd) and not tally.timed_out:
        for ended in crowd.ended():
            tally.add(ended)
    crowd.abandon()
