"""Watches a session: reads counters before the first visit and after the last, then looks at the machine's state."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from harness.model import Doubt
from harness.observe.doubts import cpus, network, system
from harness.observe.doubts.context import Context

Reading = TypeVar("Reading")
Doubts = Callable[[Context], Iterator[Doubt]]

STATES: tuple[Doubts, ...] = (
    system.stray_doubts,
    system.strictatime_doubts,
    network.bare_network_doubts,
    system.environment_doubts,
    system.change_doubts,
    system.lock_doubts,
    system.setting_doubts,
)


def start_watch(context: Context) -> Callable[[int], tuple[Doubt, ...]]:
    """Read all counters, and return a function that reads them again and returns the doubts.

    The function takes the number of requests sent since. It reads in the opposite order: the counters at the end of
    the list are read closest to the visits, before and after them.
    """
    watches = [
        _start_watch(context, network.read_upstream_errors, network.upstream_doubts),
        _start_watch(context, system.read_logs, system.log_doubts),
        _start_watch(context, cpus.read_quota, cpus.quota_doubts),
        _start_watch(context, system.read_swap, system.swap_doubts),
        _start_watch(context, network.read_networks, network.network_doubts),
        _start_watch(context, cpus.read_speeds, cpus.speed_doubts),
        _start_watch(context, cpus.read_others, cpus.other_doubts),
        _start_watch(context, cpus.read_preemptions, cpus.preemption_doubts),
        _start_watch(context, cpus.read_children, cpus.child_doubts),
        _start_watch(context, cpus.read_client, cpus.client_doubts),
    ]

    def end(requests: int) -> tuple[Doubt, ...]:
        after = replace(context, requests=requests)
        return tuple(doubt for doubts in (*reversed(watches), *STATES) for doubt in doubts(after))

    return end


def _start_watch(
    context: Context, read: Callable[[Context], Reading], doubts: Callable[[Reading, Reading], Iterator[Doubt]]
) -> Doubts:
    before = read(context)
    return lambda after: doubts(before, read(after))
