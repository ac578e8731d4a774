"""Computes what a run needs of the machine's room: open files, processes and memory, before anything is started."""

from collections.abc import Sequence

from harness.experiment.sharing import stacks_of
from harness.lab.surroundings import MIB, Demand
from harness.load.crowd.paced import MOST_WAITING
from harness.model import Arm, Experiment, Settings

FILES_OF_A_SERVER = 96  # logs, libraries, listening sockets, counters that are read
FILES_OF_A_WORKER = 16  # that this process opens to read a worker's counters
ENDS = 2  # of a request at nginx: the client's and the application's
PROCESSES_OF_RUN, PROCESSES_OF_STACK = 8, 8  # a stack: two keepers, two masters, nginx's worker, a relay, a spare two
MEMORY_OF_STACK, MEMORY_OF_WORKER = 32 * MIB, 48 * MIB  # a worker with uvicorn has some 40 MiB


def demand_of(experiment: Experiment) -> Demand:
    """The files are those of the process that has most; stacks and services are asked by the same client."""
    groups = stacks_of(experiment)
    workers = [arms[0].settings.workers for arms in groups]
    at_servers = max((ENDS * _connections(arms) for arms in groups), default=0)
    return Demand(
        connections=max((_at_once(arm.settings) for arm in experiment.arms), default=0),
        files=FILES_OF_A_SERVER + max(at_servers, _connections(experiment.arms) + FILES_OF_A_WORKER * sum(workers)),
        processes=PROCESSES_OF_RUN + PROCESSES_OF_STACK * len(groups) + sum(workers),
        memory_bytes=MEMORY_OF_STACK * len(groups) + MEMORY_OF_WORKER * sum(workers),
    )


def _connections(arms: Sequence[Arm]) -> int:
    """Open at one time: those that are kept from visit to visit, and of one arm those that are not."""
    kept = sum(_at_once(arm.settings) + arm.settings.upstream_keepalive for arm in arms if _keeps(arm.settings))
    return kept + max((_at_once(arm.settings) for arm in arms if not _keeps(arm.settings)), default=0)


def _keeps(settings: Settings) -> bool:
    return settings.client_keepalive or bool(settings.upstream_keepalive)


def _at_once(settings: Settings) -> int:
    return MOST_WAITING if settings.rate or settings.p99_limit_ms else settings.connections
