"""Groups the arms that share a stack, and counts the connections that a stack has open."""

from collections.abc import Sequence

from harness.model import Arm, Design, Experiment, Settings
from harness.model.settings import ProcessSettings, names_in

MAX_PENDING_REQUESTS = 1000  # pending requests of an open-loop client
MAX_IDLE_CONNECTIONS = 32  # idle connections of an open-loop arm between visits: a stall opens hundreds
SERVER_FILES = 96  # logs, libraries, listening sockets, counters
CONNECTIONS_PER_REQUEST = 2  # connections of a request at nginx: to the client and to the application


def server_files(arms: Sequence[Arm]) -> int:
    """The files that nginx, which has both ends of every connection, opens for the `arms` of one stack.

    Each arm has a listening socket of its own.
    """
    return SERVER_FILES + len(arms) + CONNECTIONS_PER_REQUEST * open_connections(arms)


def open_connections(arms: Sequence[Arm]) -> int:
    """Return the connections that all arms keep from visit to visit, with those that one arm opens beside them."""
    kept = sum(_client_keeps(arm.settings) + arm.settings.upstream_keepalive for arm in arms)
    return kept + max((max_pending_requests(arm.settings) - _client_keeps(arm.settings) for arm in arms), default=0)


def max_pending_requests(settings: Settings) -> int:
    """Return the largest number of pending requests of an arm."""
    return MAX_PENDING_REQUESTS if _is_paced(settings) else settings.connections


def _client_keeps(settings: Settings) -> int:
    if not settings.client_keepalive:
        return 0
    return MAX_IDLE_CONNECTIONS if _is_paced(settings) else settings.connections


def _is_paced(settings: Settings) -> bool:
    return bool(settings.rate or settings.p99_limit_ms)


def stacks_of(experiment: Experiment) -> tuple[tuple[Arm, ...], ...]:
    """Return the arms of each stack: those with equal process settings, or each arm alone if `processes` is "separate".

    Arms with a url have no stack. The order of arms in a stack is that of its ports, upstreams and sockets.
    """
    groups: dict[str, list[Arm]] = {}
    for arm in experiment.arms:
        if not arm.settings.url:
            groups.setdefault(_process_key(arm, experiment.design), []).append(arm)
    return tuple(map(_order_arms, groups.values()))


def services_of(experiment: Experiment) -> tuple[Arm, ...]:
    """Return the arms with a url."""
    return tuple(arm for arm in experiment.arms if arm.settings.url)


def _process_key(arm: Arm, design: Design) -> str:
    alone = "separate" in (design.processes, arm.settings.processes)
    return arm.name if alone else repr(arm.settings.model_dump(include=names_in(ProcessSettings)))


def _order_arms(arms: Sequence[Arm]) -> tuple[Arm, ...]:
    return tuple(reversed(arms) if arms[0].settings.processes == "swapped" else arms)
