"""Watches a session: reads every subject before the first visit and after the last, then raises the doubts."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from harness.model import Doubt
from harness.observe.doubts.children import child_doubts, read_children
from harness.observe.doubts.context import Context
from harness.observe.doubts.cpus import (
    client_doubts,
    other_doubts,
    preemption_doubts,
    quota_doubts,
    read_client,
    read_others,
    read_preemptions,
    read_quota,
    read_speeds,
    speed_doubts,
)
from harness.observe.doubts.network import (
    bare_network_doubts,
    network_doubts,
    read_bare_network,
    read_networks,
    read_upstream_errors,
    upstream_doubts,
)
from harness.observe.doubts.system import (
    change_doubts,
    environment_doubts,
    lock_doubts,
    log_doubts,
    read_changes,
    read_environment,
    read_lock,
    read_logs,
    read_settings,
    read_socket_mounts,
    read_strays,
    read_swap,
    setting_doubts,
    stray_doubts,
    strictatime_doubts,
    swap_doubts,
)

Reading = TypeVar("Reading")
EndWatch = Callable[[Context], tuple[Doubt, ...]]


def start_watch(context: Context) -> Callable[[int], tuple[Doubt, ...]]:
    """Read every subject, and return a function that reads it again and returns the doubts.

    The function takes the number of requests sent since. It reads in the opposite order, so that the readings of the
    last subject are closest to the visits.
    """
    watches = [
        _start_watch(context, read_settings, setting_doubts),
        _start_watch(context, read_lock, lock_doubts),
        _start_watch(context, read_changes, change_doubts),
        _start_watch(context, read_environment, environment_doubts),
        _start_watch(context, read_bare_network, bare_network_doubts),
        _start_watch(context, read_socket_mounts, strictatime_doubts),
        _start_watch(context, read_upstream_errors, upstream_doubts),
        _start_watch(context, read_logs, log_doubts),
        _start_watch(context, read_strays, stray_doubts),
        _start_watch(context, read_quota, quota_doubts),
        _start_watch(context, read_swap, swap_doubts),
        _start_watch(context, read_networks, network_doubts),
        _start_watch(context, read_speeds, speed_doubts),
        _start_watch(context, read_others, other_doubts),
        _start_watch(context, read_preemptions, preemption_doubts),
        _start_watch(context, read_children, child_doubts),
        _start_watch(context, read_client, client_doubts),
    ]

    def end(requests: int) -> tuple[Doubt, ...]:
        context_after = replace(context, requests=requests)
        return tuple(doubt for end_watch in reversed(watches) for doubt in end_watch(context_after))

    return end


def _start_watch(
    context: Context, read: Callable[[Context], Reading], doubts: Callable[[Reading, Reading], Iterator[Doubt]]
) -> EndWatch:
    before = read(context)
    return lambda context_after: tuple(doubts(before, read(context_after)))
