"""Counts the connections that the arms of a stack have open at one time, and the files that these are."""

from collections.abc import Sequence

from harness.model import Arm, Settings

MOST_WAITING = 1000  # requests that a client at a rate lets wait at one time
FILES_OF_A_SERVER = 96  # logs, libraries, listening sockets, counters that are read
ENDS = 2  # of a request at nginx: the client's and the application's


def server_files(arms: Sequence[Arm]) -> int:
    """The files that nginx, which has both ends of every connection, opens for the `arms` of one stack.

    Each arm has a listening socket of its own.
    """
    return FILES_OF_A_SERVER + len(arms) + ENDS * open_connections(arms)


def open_connections(arms: Sequence[Arm]) -> int:
    """Those that are kept from visit to visit, and of one arm those that are not."""
    kept = sum(at_once(arm.settings) + arm.settings.upstream_keepalive for arm in arms if _keeps(arm.settings))
    return kept + max((at_once(arm.settings) for arm in arms if not _keeps(arm.settings)), default=0)


def at_once(settings: Settings) -> int:
    """The requests of one arm that are under way at one time."""
    return MOST_WAITING if settings.rate or settings.p99_limit_ms else settings.connections


def _keeps(settings: Settings) -> bool:
    return settings.client_keepalive or bool(settings.upstream_keepalive)
