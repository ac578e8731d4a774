"""Computes what a run needs of the machine's room: open files, processes and memory, before anything is started."""

from harness.experiment.connections import FILES_OF_A_SERVER, at_once, open_connections, server_files
from harness.experiment.sharing import stacks_of
from harness.lab.surroundings import MIB, Demand
from harness.model import Experiment

FILES_OF_A_WORKER = 16  # that this process opens to read a worker's counters
PROCESSES_OF_RUN, PROCESSES_OF_STACK = 8, 8  # a stack: two keepers, two masters, nginx's worker, a relay, a spare two
MEMORY_OF_STACK, MEMORY_OF_WORKER = 32 * MIB, 48 * MIB  # a worker with uvicorn has some 40 MiB


def demand_of(experiment: Experiment) -> Demand:
    """The files are those of the process that has most; stacks and services are asked by the same client."""
    groups = stacks_of(experiment)
    workers = [arms[0].settings.workers for arms in groups]
    at_client = FILES_OF_A_SERVER + open_connections(experiment.arms) + FILES_OF_A_WORKER * sum(workers)
    return Demand(
        connections=max((at_once(arm.settings) for arm in experiment.arms), default=0),
        files=max([at_client, *map(server_files, groups)]),
        processes=PROCESSES_OF_RUN + PROCESSES_OF_STACK * len(groups) + sum(workers),
        memory_bytes=MEMORY_OF_STACK * len(groups) + MEMORY_OF_WORKER * sum(workers),
    )
