"""Counts the connections that the arms of a stack have open at one time, and the files that these are."""

from collections.abc import Sequence

from harness.model import Arm, Settings

MOST_WAITING = 1000  # pending requests of an open-loop client
MOST_KEPT = 32  # idle connections of an open-loop arm between visits: a stall opens hundreds
FILES_OF_A_SERVER = 96  # logs, libraries, listening sockets, counters
ENDS = 2  # connections of a request at nginx: to the client and to the application


def server_files(arms: Sequence[Arm]) -> int:
    """The files that nginx, which has both ends of every connection, opens for the `arms` of one stack.

    Each arm has a listening socket of its own.
    """
    return FILES_OF_A_SERVER + len(arms) + ENDS * open_connections(arms)


def open_connections(arms: Sequence[Arm]) -> int:
    """Return the connections that all arms keep from visit to visit, with those that one arm opens beside them."""
    kept = sum(_client_keeps(arm.settings) + arm.settings.upstream_keepalive for arm in arms)
    return kept + max((at_once(arm.settings) - _client_keeps(arm.settings) for arm in arms), default=0)


def at_once(settings: Settings) -> int:
    """Return the largest number of pending requests of an arm."""
    return MOST_WAITING if _is_paced(settings) else settings.connections


def _client_keeps(settings: Settings) -> int:
    if not settings.client_keepalive:
        return 0
    return MOST_KEPT if _is_paced(settings) else settings.connections


def _is_paced(settings: Settings) -> bool:
    return bool(settings.rate or settings.p99_limit_ms)
