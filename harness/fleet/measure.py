"""Runs an experiment on all workers of a scheduler, one run a machine at a time, and stores each result as it comes."""

import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from distributed import Client, Future

from harness.errors import ConfigError, HarnessError, MachineError
from harness.fleet.archive import unpack_archive
from harness.fleet.host_run import COMPLETE, HostResult, end_run, measure_here
from harness.fleet.job import FleetJob
from harness.fleet.workers import FleetWorker
from harness.model.record import HostFacts
from harness.store.files import read_facts

PART = ".part"  # the ending of a directory that is not complete
FETCH_S = 600.0
SCHEDULER_EVENTS, LOST = "all", "remove-worker"

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class HostTask:
    """The run on one host."""

    worker: FleetWorker
    future: "Future[HostResult]"


@dataclass(slots=True)
class FleetRun:
    """The state of a run on many hosts. `events` are keys of ended tasks, and addresses of lost workers."""

    client: Client
    job: FleetJob
    directory: Path
    say: Say
    waiting: list[FleetWorker]
    tasks: dict[str, HostTask] = field(default_factory=dict)
    events: "SimpleQueue[str]" = field(default_factory=SimpleQueue)
    problems: list[str] = field(default_factory=list)

    def note_event(self, event: tuple[float, Any]) -> None:
        """Take an event of the scheduler."""
        if isinstance(event[1], dict) and event[1].get("action") == LOST:
            self.events.put(event[1]["worker"])

    def start_tasks(self) -> None:
        """Start the next worker of each machine that does not measure."""
        for worker in list(self.waiting):
            if worker.machine not in {task.worker.machine for task in self.tasks.values()}:
                self.waiting.remove(worker)
                key = f"barehop-{secrets.token_hex(8)}"
                future = self.client.submit(
                    measure_here, self.job, key, key=key, workers=[worker.address], pure=False, retries=0
                )
                self.tasks[key] = HostTask(worker, future)
                future.add_done_callback(lambda done: self.events.put(str(done.key)))
                self.say(f"{worker.name}: measuring.")

    def handle(self, event: str) -> None:
        """Store the result of a task that has ended, or drop that of a worker that is lost."""
        if event in self.tasks:
            self._store_result(self.tasks.pop(event))
        for key, task in list(self.tasks.items()):
            if task.worker.address == event:
                del self.tasks[key]
                task.future.cancel()
                self._report(f"{task.worker.name}: its worker is gone, and its run has ended with it.")
        for worker in list(self.waiting):
            if worker.address == event:
                self.waiting.remove(worker)
                self._report(f"{worker.name}: its worker is gone.")

    def end_tasks(self) -> None:
        """End the runs on all hosts, and wait until nothing of them is left."""
        tasks = list(self.tasks.values())
        if not tasks or self.client.status != "running":
            return  # without its client, the scheduler ends them
        workers = [task.worker.address for task in tasks]
        has_ended = self.client.run(end_run, list(self.tasks), workers=workers, on_error="return")
        self.client.cancel([task.future for task in tasks], force=True)
        for task in tasks:
            if has_ended.get(task.worker.address) is not True:
                self._report(f"{task.worker.name}: it is not known whether its run has ended.")

    def _store_result(self, task: HostTask) -> None:
        name = task.worker.name
        if task.future.status == "cancelled":
            raise MachineError("The connection to the scheduler is lost, so the runs on the hosts have ended.")
        try:
            result = task.future.result(timeout=FETCH_S)
        except Exception as error:  # noqa: BLE001 - whatever the host raised belongs to this host alone
            self._report(f"{name}: its task failed with {type(error).__name__}: {error}")
            return
        if not result.archive:
            self._report(f"{name}: {result.message}")
            return
        part = self.directory / f".{name}{PART}"
        shutil.rmtree(part, ignore_errors=True)
        try:
            unpack_archive(result.archive, part)
        except HarnessError as problem:
            self._report(f"{name}: {problem}")
            return
        part.rename(self.directory / name)
        self.say(f"{name}: done, results in {self.directory / name}.")

    def _report(self, problem: str) -> None:
        self.problems.append(problem)
        self.say(problem)


def measure_fleet(
    client: Client, job: FleetJob, workers: Sequence[FleetWorker], directory: Path, say: Say
) -> list[str]:
    """Measure on every host that has no result in `directory` yet; return a sentence for each that failed.

    What ends this ends the runs on all hosts.
    """
    run = FleetRun(client, job, directory, say, missing_workers(workers, directory))
    client.subscribe_topic(SCHEDULER_EVENTS, run.note_event)
    for worker in {worker.address for worker in workers} - {*client.nthreads()}:
        run.events.put(worker)  # lost before we subscribed
    try:
        run.start_tasks()
        while run.tasks:
            run.handle(run.events.get())
            run.start_tasks()
    finally:
        run.end_tasks()
    return run.problems


def missing_workers(workers: Sequence[FleetWorker], directory: Path) -> list[FleetWorker]:
    """Return the workers whose hosts have fewer results in `directory` than workers, with names that are free there."""
    for part in directory.glob(f".*{PART}"):
        shutil.rmtree(part)
    done = Counter(_identity(path.parent) for path in directory.glob(f"*/{COMPLETE}"))
    names = {path.name for path in directory.iterdir()}
    missing: list[FleetWorker] = []
    for worker in workers:
        if done[worker.identity]:
            done[worker.identity] -= 1
            continue
        name = next(name for name in _numbered(worker.name) if name not in names)
        names.add(name)
        missing.append(replace(worker, name=name))
    return missing


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}-{number}" for number in count(2))


def _identity(directory: Path) -> str | None:
    """Return the identity of the host of a result; None where it cannot be told."""
    try:
        identity = read_facts(directory / "host.json", HostFacts).get("identity", {})
    except ConfigError:
        return None
    return identity.get("machine") or identity.get("boot")
