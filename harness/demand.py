"""Compute the open files, processes and memory that a run needs."""

from harness.experiment.connections import FILES_OF_A_SERVER, at_once, open_connections, server_files
from harness.experiment.sharing import stacks_of
from harness.lab.surroundings import MIB, Demand
from harness.model import Experiment

FILES_OF_A_WORKER = 16  # opened by this process to read a worker's counters
PROCESSES_OF_RUN, PROCESSES_OF_STACK = 8, 8  # a stack: 2 supervisors, 2 masters, nginx's worker, a relay, 2 spare
MEMORY_OF_STACK, MEMORY_OF_WORKER = 32 * MIB, 48 * MIB  # a worker with uvicorn needs about 40 MiB


def demand_of(experiment: Experiment) -> Demand:
    """Return the resources of a run; `files` is the largest number that one process opens."""
    groups = stacks_of(experiment)
    workers = [arms[0].settings.workers for arms in groups]
    at_client = FILES_OF_A_SERVER + open_connections(experiment.arms) + FILES_OF_A_WORKER * sum(workers)
    return Demand(
        connections=max((at_once(arm.settings) for arm in experiment.arms), default=0),
        files=max([at_client, *map(server_files, groups)]),
        processes=PROCESSES_OF_RUN + PROCESSES_OF_STACK * len(groups) + sum(workers),
        memory_bytes=MEMORY_OF_STACK * len(groups) + MEMORY_OF_WORKER * sum(workers),
    )
