"""Count the connections that the arms of a stack have open at one time, and the files that these need."""

from collections.abc import Sequence

from harness.model import Arm, Settings

MOST_WAITING = 1000  # pending requests of an open-loop client
FILES_OF_A_SERVER = 96  # logs, libraries, listening sockets, counters
ENDS = 2  # connections of a request at nginx: to the client and to the application


def server_files(arms: Sequence[Arm]) -> int:
    """Return the number of files that nginx opens for the `arms` of a stack: two connections for each request."""
    return FILES_OF_A_SERVER + len(arms) + ENDS * open_connections(arms)


def open_connections(arms: Sequence[Arm]) -> int:
    """Return the largest number of open connections: those kept between visits, and those of one visit."""
    kept = sum(at_once(arm.settings) + arm.settings.upstream_keepalive for arm in arms if _keeps(arm.settings))
    return kept + max((at_once(arm.settings) for arm in arms if not _keeps(arm.settings)), default=0)


def at_once(settings: Settings) -> int:
    """Return the largest number of pending requests of an arm."""
    return MOST_WAITING if settings.rate or settings.p99_limit_ms else settings.connections


def _keeps(settings: Settings) -> bool:
    return settings.client_keepalive or bool(settings.upstream_keepalive)
