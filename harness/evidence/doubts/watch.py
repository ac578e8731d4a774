"""Watches a session: everything is read before the first visit and after the last, and judged then."""

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
Ending = Callable[[Scene], tuple[Doubt, ...]]


def watch(scene: Scene) -> Callable[[int], tuple[Doubt, ...]]:
    """Read everything; the answer is to be called after so many requests, reads it again and gives the doubts.

    The second readings are made in the opposite order, so that the last subject encloses the visits closest.
    """
    endings = [
        _begun(scene, read_settings, setting_doubts),
        _begun(scene, read_lock, lock_doubts),
        _begun(scene, read_changes, change_doubts),
        _begun(scene, read_environment, environment_doubts),
        _begun(scene, read_bare, bare_doubts),
        _begun(scene, read_socket_mounts, strictatime_doubts),
        _begun(scene, read_upstream_errors, upstream_doubts),
        _begun(scene, read_logs, log_doubts),
        _begun(scene, read_places, place_doubts),
        _begun(scene, read_quota, quota_doubts),
        _begun(scene, read_swap, swap_doubts),
        _begun(scene, read_networks, network_doubts),
        _begun(scene, read_speeds, speed_doubts),
        _begun(scene, read_others, other_doubts),
        _begun(scene, read_switches, switch_doubts),
        _begun(scene, read_children, child_doubts),
        _begun(scene, read_client, client_doubts),
    ]

    def ended(requests: int) -> tuple[Doubt, ...]:
        scene_after = replace(scene, requests=requests)
        return tuple(doubt for ending in reversed(endings) for doubt in ending(scene_after))

    return ended


def _begun(
    scene: Scene, read: Callable[[Scene], Reading], doubts: Callable[[Reading, Reading], Iterator[Doubt]]
) -> Ending:
    before = read(scene)
    return lambda scene_after: tuple(doubts(before, read(scene_after)))
