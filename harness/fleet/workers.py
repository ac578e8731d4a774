"""Connects to a dask scheduler, and finds the hosts of its workers; what is wrong with a worker is a sentence."""

import logging
import platform
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import cast

from distributed import Client, Security

import harness
from harness.errors import ConfigError, MachineError
from harness.files import file_name
from harness.fleet.host_run import WorkerFacts, describe_worker

CONNECT_S = 5.0
WORKER_COMMAND = "dask worker SCHEDULER --nthreads 1 --no-nanny --preload harness.fleet.quiet"


@dataclass(frozen=True, slots=True)
class FleetWorker:
    """A worker at `address`; `name` is that of its results. Workers of one `machine` measure one after the other."""

    address: str
    name: str
    identity: str
    lock: str

    @property
    def machine(self) -> tuple[str, str]:
        """What only one run at a time may use."""
        return self.identity, self.lock


@contextmanager
def connect_scheduler(address: str, security: Security | None = None) -> Iterator[Client]:
    """Yield a client of the scheduler at `address`. Raises MachineError if there is none."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters is told in sentences
    warnings.filterwarnings("ignore", module="distributed")
    try:
        client = Client(address, timeout=CONNECT_S, security=security, set_as_default=False)
    except ValueError as error:
        raise ConfigError(f"--scheduler {address}: {error}. Give an address like tcp://10.0.0.1:8786.") from None
    except (OSError, TimeoutError):
        raise MachineError(
            f"No dask scheduler answers at {address}. Start one with `dask scheduler --no-dashboard`, or correct the "
            "address."
        ) from None
    with closing(client):
        yield client


def find_workers(client: Client) -> tuple[list[FleetWorker], list[str]]:
    """Return the workers that can measure, by name, and a sentence for each other one.

    Raises MachineError if no worker can measure.
    """
    answers: Mapping[str, WorkerFacts | BaseException] = client.run(describe_worker, on_error="return")
    if not answers:
        raise MachineError(f"The scheduler has no worker. Start one on each host: {WORKER_COMMAND}")
    workers: dict[str, WorkerFacts] = {}
    problems: list[str] = []
    for address, facts in answers.items():
        if problem := _worker_problem(address, facts):
            problems.append(problem)
        else:
            workers[address] = cast("WorkerFacts", facts)
    if not workers:
        raise MachineError("\n".join(problems))
    able = [
        FleetWorker(address, file_name(facts["name"]), facts["identity"], facts["lock"])
        for address, facts in workers.items()
    ]
    return sorted(able, key=lambda worker: (worker.name, *worker.machine, worker.address)), problems


def _worker_problem(address: str, facts: WorkerFacts | BaseException) -> str:
    """Return why a worker cannot measure, or ""."""
    ours, python = harness.__version__, ".".join(platform.python_version_tuple()[:2])
    if isinstance(facts, BaseException):
        return (
            f"The worker at {address} has no barehop that can measure for {ours} ({type(facts).__name__}: {facts}). "
            f"Install barehop[fleet] {ours} in its environment."
        )
    name = f"{facts['name']} ({address})"
    if facts["barehop"] != ours:
        return f"{name} has barehop {facts['barehop']}, and this is {ours}. Use one version on all hosts."
    if facts["python"] != python:
        return f"{name} runs Python {facts['python']}, and this is {python}. Use one version on all hosts."
    if facts["noises"]:
        reasons = " and ".join(facts["noises"])
        return f"{name}: its dask worker {reasons}, which a run would hear. Start it with {WORKER_COMMAND}"
    return ""
