"""On a host: a dask task that runs barehop as a child process of the worker, and what ends it.

The child has a supervisor, so it ends when the worker is killed. It also ends when the scheduler takes the task back:
the client has cancelled it, or is gone. Its directory is removed with it; the task returns the results as bytes.
"""

import asyncio
import hashlib
import os
import platform
import socket
import sys
from collections.abc import Collection, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TypedDict

from distributed import Worker, WorkerPlugin, get_worker
from distributed.utils import sync

import harness
from harness.errors import HarnessError, MachineError
from harness.experiment.read import read_experiment
from harness.fleet.archive import pack_results, unpack_archive
from harness.fleet.job import SENT, FleetJob
from harness.fleet.quiet import keep_off, measured_cpus, noises, silence
from harness.observe.host.facts import identity_facts
from harness.start import module_command
from harness.testbed.blueprint import survey_machine
from harness.testbed.kernel.lock import LOCK_VARIABLE
from harness.testbed.machine.directories import DIRECTORY_PREFIX, disk_parent
from harness.testbed.processes.output import read_log_end
from harness.testbed.processes.process import SupervisedCommand, SupervisedProcess, start_command

RESULTS, LOG = "out", "log"
COMPLETE = "summary.json"
VALID_CODES = (0, 1)  # 1: measured, and not valid
MAX_MESSAGE_BYTES = 2000
END_S, POLL_S = 30.0, 0.05


class WorkerFacts(TypedDict):
    """What a worker tells of itself: plain values, which every version can read."""

    barehop: str
    python: str
    name: str
    identity: str  # as in host.json
    lock: str  # workers of one host with different locks may measure at the same time, for tests
    noises: list[str]


@dataclass(frozen=True, slots=True)
class HostResult:
    """What a run left: its results directory, empty if it is not complete, and what it said at its end."""

    archive: bytes
    message: str


@dataclass
class RunWatch(WorkerPlugin):
    """Ends the child of the task `key` when the worker closes, or when the scheduler takes the task back."""

    key: str
    child: SupervisedProcess | None = None
    is_ending: bool = False
    has_ended: Event = field(default_factory=Event)

    def transition(self, key: object, start: str, *_: object, **__: object) -> None:
        """Notice that the task is not executing any more."""
        if key == self.key and start == "executing":
            self.end()

    def teardown(self, worker: Worker) -> None:  # noqa: ARG002 - the signature is dask's
        """Notice that the worker closes."""
        self.end()

    def end(self) -> None:
        """Ask the child to end, or let it not begin."""
        self.is_ending = True
        if self.child is not None:
            self.child.ask_to_end()

    def guard(self, child: SupervisedProcess) -> None:
        """Take over a child that has just started."""
        self.child = child
        if self.is_ending:
            child.ask_to_end()


def describe_worker(dask_worker: Worker) -> WorkerFacts:
    """Return what the client must know of a worker before it gets a task."""
    identity = identity_facts()
    return WorkerFacts(
        barehop=harness.__version__,
        python=".".join(platform.python_version_tuple()[:2]),
        name=_host_name(dask_worker.name),
        identity=identity["machine"] or identity["boot"] or socket.gethostname(),
        lock=os.environ.get(LOCK_VARIABLE, ""),
        noises=noises(dask_worker),
    )


def _host_name(worker_name: object) -> str:
    """Return the name that the user gave a worker, or else that of the host; by itself dask numbers workers."""
    is_given = isinstance(worker_name, str) and "://" not in worker_name
    return str(worker_name) if is_given else socket.gethostname()


async def end_run(keys: Collection[str], dask_worker: Worker) -> bool:
    """End the run of a task in `keys` on a worker; return whether nothing of it is left."""
    watches = [watch for key in keys if isinstance(watch := dask_worker.plugins.get(key), RunWatch)]
    for watch in watches:
        watch.end()
    for _ in range(round(END_S / POLL_S)):
        if all(watch.has_ended.is_set() for watch in watches):
            return True
        await asyncio.sleep(POLL_S)
    return False


def measure_here(job: FleetJob, key: str) -> HostResult:
    """Run the experiment of `job` on the host of this worker, as the task `key`."""
    worker, watch = get_worker(), RunWatch(key)
    sync(worker.loop, worker.plugin_add, watch, key)
    try:
        task = worker.state.tasks.get(key)
        if task is None or task.state != "executing":
            watch.end()
        with silence(worker):
            return _run_job(job, watch)
    except (HarnessError, OSError) as problem:
        return HostResult(b"", str(problem))
    finally:
        watch.has_ended.set()
        with suppress(RuntimeError):  # the loop has ended
            worker.loop.add_callback(worker.plugin_remove, key)


def _run_job(job: FleetJob, watch: RunWatch) -> HostResult:
    parent = disk_parent(Path.cwd())
    if parent is None:
        raise MachineError("No directory on a disk is writable: /var/tmp, TMPDIR, /tmp or HOME.")
    directory = parent / _directory_name(job)
    holder = SupervisedCommand("a directory", (), Path(os.devnull), directories=(directory,))
    with ExitStack() as exit_stack:
        exit_stack.enter_context(start_command(holder))
        config = _unpack_job(job, directory)
        argv = (sys.executable, *module_command("harness"), *_run_words(job))
        command = SupervisedCommand("barehop run", argv, directory / LOG, cwd=directory)
        child = exit_stack.enter_context(start_command(command))
        watch.guard(child)
        exit_stack.enter_context(keep_off(_measured_cpus(config, job)))
        code = child.supervisor.wait()
        message = " ".join(read_log_end(command.log, MAX_MESSAGE_BYTES).split())
        is_whole = code in VALID_CODES and (directory / RESULTS / COMPLETE).exists()
        return HostResult(pack_results(directory / RESULTS) if is_whole else b"", message)


def _run_words(job: FleetJob) -> Iterator[str]:
    yield from ("run", job.options.config, "--quiet", "--html", "--out", RESULTS)
    yield from (word for override in job.options.overrides for word in ("--set", override))
    yield from ["--allow-global"] if job.options.allow_global else []


def _directory_name(job: FleetJob) -> str:
    """Return a name that all hosts share, but for workers of one machine that have told their locks apart."""
    lock = os.environ.get(LOCK_VARIABLE)
    if not lock:
        return job.options.directory_name
    return DIRECTORY_PREFIX + hashlib.sha256(f"{job.options.directory_name} {lock}".encode()).hexdigest()[:8]


def _unpack_job(job: FleetJob, directory: Path) -> Path:
    """Write what was sent into `directory`; return the path of the experiment file."""
    config = directory / job.options.config
    config.write_bytes(job.document)
    for name, content in job.archives.items():
        unpack_archive(content, directory / SENT / name.partition(".")[0])
    return config


def _measured_cpus(config: Path, job: FleetJob) -> set[int]:
    """Return the CPUs that the run uses; none where they cannot be told, which the run itself will say."""
    with suppress(HarnessError):
        return measured_cpus(read_experiment(config, job.options.overrides), survey_machine(config.parent).topology)
    return set()
