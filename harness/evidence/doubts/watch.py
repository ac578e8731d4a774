"""Watches a session: reads every subject before the first visit and after the last, then raises the doubts."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from harness.evidence.doubts.bare import bare_doubts, read_bare
from harness.evidence.doubts.changed import change_doubts, read_changes
from harness.evidence.doubts.children import child_doubts, read_children
from harness.evidence.doubts.client import client_doubts, read_client
from harness.evidence.doubts.environment import environment_doubts, read_environment
from harness.evidence.doubts.lock import lock_doubts, read_lock
from harness.evidence.doubts.logs import log_doubts, read_logs
from harness.evidence.doubts.noise import other_doubts, read_others
from harness.evidence.doubts.places import place_doubts, read_places
from harness.evidence.doubts.quota import quota_doubts, read_quota
from harness.evidence.doubts.scene import Scene
from harness.evidence.doubts.settings import read_settings, setting_doubts
from harness.evidence.doubts.sockets import network_doubts, read_networks
from harness.evidence.doubts.speeds import read_speeds, speed_doubts
from harness.evidence.doubts.strictatime import read_socket_mounts, strictatime_doubts
from harness.evidence.doubts.swap import read_swap, swap_doubts
from harness.evidence.doubts.switches import read_switches, switch_doubts
from harness.evidence.doubts.upstream_errors import read_upstream_errors, upstream_doubts
from harness.model import Doubt

Reading = TypeVar("Reading")
EndWatch = Callable[[Scene], tuple[Doubt, ...]]


def watch(context: Scene) -> Callable[[int], tuple[Doubt, ...]]:
    """Read every subject, and return a function that reads it again and returns the doubts.

    The function takes the number of requests sent since. It reads in the opposite order, so that the readings of the
    last subject are closest to the visits.
    """
    watches = [
        _start_watch(context, read_settings, setting_doubts),
        _start_watch(context, read_lock, lock_doubts),
        _start_watch(context, read_changes, change_doubts),
        _start_watch(context, read_environment, environment_doubts),
        _start_watch(context, read_bare, bare_doubts),
        _start_watch(context, read_socket_mounts, strictatime_doubts),
        _start_watch(context, read_upstream_errors, upstream_doubts),
        _start_watch(context, read_logs, log_doubts),
        _start_watch(context, read_places, place_doubts),
        _start_watch(context, read_quota, quota_doubts),
        _start_watch(context, read_swap, swap_doubts),
        _start_watch(context, read_networks, network_doubts),
        _start_watch(context, read_speeds, speed_doubts),
        _start_watch(context, read_others, other_doubts),
        _start_watch(context, read_switches, switch_doubts),
        _start_watch(context, read_children, child_doubts),
        _start_watch(context, read_client, client_doubts),
    ]

    def end(requests: int) -> tuple[Doubt, ...]:
        context_after = replace(context, requests=requests)
        return tuple(doubt for end_watch in reversed(watches) for doubt in end_watch(context_after))

    return end


def _start_watch(
    context: Scene, read: Callable[[Scene], Reading], doubts: Callable[[Reading, Reading], Iterator[Doubt]]
) -> EndWatch:
    before = read(context)
    return lambda context_after: tuple(doubts(before, read(context_after)))
