"""Makes a dask worker inaudible to the run beside it: no timers, no samples, off the CPUs that are measured.

`dask worker --preload harness.fleet.quiet` switches off what only the start of a worker can. By default dask samples
its stacks every 10 ms, ticks every 20 ms, looks at its memory every 100 ms, and sends a heartbeat every 500 ms.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import dask
from distributed import Worker
from distributed.utils import sync
from tornado.ioloop import PeriodicCallback

from harness.model import Experiment
from harness.testbed.machine.placement import placement_of
from harness.testbed.machine.topology import Topology

HEARTBEAT_MS = 60_000.0  # the scheduler gives up a worker after 5 minutes
SAMPLING_THREAD = "Profile"  # of distributed.profile.watch
TASKS, NAME = Path("/proc/self/task"), Path("/proc/self/comm")

dask.config.set(
    {
        "distributed.worker.profile.enabled": False,
        "distributed.admin.tick.interval": "60s",
        "distributed.admin.tick.limit": "1h",
        "distributed.admin.system-monitor.interval": "60s",
        "distributed.scheduler.work-stealing": False,
        "distributed.scheduler.active-memory-manager.start": False,
    }
)


def noises(worker: Worker) -> list[str]:
    """Return what of `worker` cannot be silenced any more."""
    threads = {thread.name for thread in threading.enumerate()}
    has_nanny = ["has a nanny, a second process with timers"] if worker.nanny else []
    return [*has_nanny, *(["samples its own stacks"] if SAMPLING_THREAD in threads else [])]


@contextmanager
def silence(worker: Worker) -> Iterator[None]:
    """Stop all timers of `worker` during the body, but for a heartbeat each minute. For a thread of the worker.

    The process gets a name by which the doubts of a session tell a worker that is busy nevertheless.
    """
    NAME.write_text("dask worker", encoding="ascii")
    heartbeat = PeriodicCallback(worker.heartbeat, HEARTBEAT_MS)
    timers: list[PeriodicCallback] = []

    async def stop() -> None:
        timers.extend(timer for timer in worker.periodic_callbacks.values() if timer.is_running())
        for timer in timers:
            timer.stop()
        heartbeat.start()

    def restart() -> None:
        heartbeat.stop()
        for timer in timers:
            timer.start()

    sync(worker.loop, stop)
    try:
        yield
    finally:
        with suppress(RuntimeError):  # the loop has ended
            worker.loop.add_callback(restart)


@contextmanager
def keep_off(cpus: set[int]) -> Iterator[None]:
    """Run all threads of this process on other CPUs than `cpus` during the body, if it has any."""
    own = os.sched_getaffinity(0)
    try:
        _move_threads(own - cpus or own)
        yield
    finally:
        _move_threads(own)


def _move_threads(cpus: set[int]) -> None:
    for task in TASKS.iterdir():
        with suppress(ProcessLookupError):
            os.sched_setaffinity(int(task.name), cpus)


def measured_cpus(experiment: Experiment, topology: Topology) -> set[int]:
    """Return the CPUs that servers and clients of `experiment` use here. Raises MachineError."""
    settings = [arm.settings for arm in experiment.arms]
    placements = [placement_of(own.placement, topology, own.workers) for own in settings]
    return {cpu for placement in placements for cpus in placement.cpus.values() for cpu in cpus}
