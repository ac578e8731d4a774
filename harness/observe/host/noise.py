"""Measures the noise on CPUs: gaps in a busy loop, and the CPU time of other processes."""

import os
import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.load.client import gc_disabled
from harness.observe.cpu_time import ProcessTime, parse_stat
from harness.testbed.machine.placement import pin_process
from harness.testbed.machine.procfs import read_text

# An iteration of the loop takes about 0.1 us. The osnoise tracer counts gaps from 5 us (Documentation/trace/
# osnoise-tracer.rst); here the interpreter's own work must not count.
GAP_NS = 10_000
MAX_TOP_PROCESSES = 5


@dataclass(frozen=True, slots=True)
class OsNoise:
    """The time that one CPU lost in `seconds` to interrupts, other processes and the hypervisor."""

    cpu: int
    seconds: float
    count: int
    lost_us: float
    longest_us: float

    @property
    def lost_percent(self) -> float:
        """Return the lost share of the time."""
        return self.lost_us / (self.seconds * 1e4) if self.seconds else 0.0


def measure_osnoise(cpu: int, seconds: float) -> OsNoise:
    """Keep `cpu` busy for `seconds`, and return the gaps. Raise OSError where this process may not run there."""
    with pin_process([cpu]), gc_disabled():
        start_ns = time.perf_counter_ns()
        gaps_ns = clock_gaps(start_ns + round(seconds * 1e9), time.perf_counter_ns)
        elapsed_ns = time.perf_counter_ns() - start_ns
    return OsNoise(cpu, elapsed_ns / 1e9, len(gaps_ns), sum(gaps_ns) / 1e3, max(gaps_ns, default=0) / 1e3)


def clock_gaps(end_ns: int, clock: Callable[[], int]) -> list[int]:
    """Return the times in ns of at least GAP_NS between two readings of `clock`, up to `end_ns`."""
    gaps_ns: list[int] = []
    now = clock()
    while now < end_ns:
        last, now = now, clock()
        if now - last >= GAP_NS:
            gaps_ns.append(now - last)
    return gaps_ns


@dataclass(frozen=True, slots=True)
class MachineSnapshot:
    """The counters at one moment. Ticks are those of all CPUs; `cpu_ticks` is the sum of user, nice and system."""

    taken_ns: int
    cpus: int
    total_ticks: int
    cpu_ticks: int
    steal_ticks: int
    processes: Mapping[int, ProcessTime]
    pressure_us: int | None  # time in which any task waited for a CPU; None: no PSI

    def total_ticks_of(self, pids: Collection[int]) -> int:
        """Return the CPU time of `pids` since their start, with their ended children."""
        processes = (process for pid, process in self.processes.items() if pid in pids)
        return sum(process.cpu_ticks + process.reaped_ticks for process in processes)

    def ticks_before(self, pid: int, later: ProcessTime) -> int:
        """Return the CPU time that the `later` process had used by now; 0 if `pid` was another process."""
        earlier = self.processes.get(pid)
        return earlier.cpu_ticks if earlier and earlier.started_ticks == later.started_ticks else 0


@dataclass(frozen=True, slots=True)
class BusyProcess:
    """A process other than ours that used CPU time."""

    pid: int
    name: str
    percent: float  # of one CPU


@dataclass(frozen=True, slots=True)
class Noise:
    """The load of others in an interval."""

    seconds: float
    steal_percent: float  # of all CPU time
    others_percent: float  # of one CPU
    top: tuple[BusyProcess, ...]
    pressure_percent: float | None  # of the interval
    tick_percent: float = 0.0  # one clock tick, of one CPU


def measure_noise(seconds: float, own: Collection[int] = (), proc: Path = Path("/proc")) -> Noise:
    """Wait for `seconds`, and return their noise, without this process and `own` pids."""
    before = read_snapshot(proc)
    time.sleep(seconds)
    return noise_between(before, read_snapshot(proc), {os.getpid(), *own})


def with_descendants(pids: Collection[int], snapshot: MachineSnapshot) -> frozenset[int]:
    """Return `pids` and all their descendants at the moment of the snapshot."""
    children: dict[int, list[int]] = {}
    for pid, process in snapshot.processes.items():
        children.setdefault(process.parent, []).append(pid)
    family, waiting = set(pids), list(pids)
    while waiting:
        new = set(children.get(waiting.pop(), ())) - family
        family |= new
        waiting += new
    return frozenset(family)


def noise_between(
    before: MachineSnapshot,
    after: MachineSnapshot,
    own: Collection[int] = (),
    own_before: Collection[int] | None = None,
) -> Noise:
    """Return the noise between two snapshots, without `own` pids; `own_before` are ours in the first (default: `own`).

    The CPU time of others is that of all CPUs minus our own, so it includes short-lived processes. Our own processes
    that ended in between are counted in their parents.
    """
    own_ticks = after.total_ticks_of(own) - before.total_ticks_of(own if own_before is None else own_before)
    total = max(1, after.total_ticks - before.total_ticks)
    one_cpu = total / after.cpus
    elapsed_ns = max(1, after.taken_ns - before.taken_ns)
    has_pressure = before.pressure_us is not None and after.pressure_us is not None
    waited_us = (after.pressure_us or 0) - (before.pressure_us or 0)
    busy = [
        BusyProcess(pid, process.name, 100 * ticks / one_cpu)
        for pid, process in after.processes.items()
        if pid not in own and (ticks := process.cpu_ticks - before.ticks_before(pid, process)) > 0
    ]
    return Noise(
        seconds=(after.taken_ns - before.taken_ns) / 1e9,
        steal_percent=100 * (after.steal_ticks - before.steal_ticks) / total,
        others_percent=100 * max(0, after.cpu_ticks - before.cpu_ticks - own_ticks) / one_cpu,
        top=tuple(sorted(busy, key=lambda process: (-process.percent, process.pid))[:MAX_TOP_PROCESSES]),
        pressure_percent=100 * 1000 * waited_us / elapsed_ns if has_pressure else None,
        tick_percent=100 / one_cpu,
    )


def read_snapshot(proc: Path = Path("/proc")) -> MachineSnapshot:
    """Read the CPU counters of the machine and of all processes."""
    lines = (read_text(proc / "stat") or "cpu").splitlines()
    # man 5 proc: user nice system idle iowait irq softirq steal; guest time, after them, is in user already.
    ticks = [int(field) for field in lines[0].split()[1:9]] + [0] * 8
    pressure = re.search(r"\Asome .*total=(\d+)", read_text(proc / "pressure/cpu") or "")
    stats = {int(path.name): read_text(path / "stat") for path in proc.glob("[0-9]*")}
    return MachineSnapshot(
        taken_ns=time.monotonic_ns(),
        cpus=max(1, sum(line.startswith("cpu") for line in lines[1:])),
        total_ticks=sum(ticks),
        cpu_ticks=sum(ticks[:3]),
        steal_ticks=ticks[7],
        processes={pid: parse_stat(stat) for pid, stat in stats.items() if stat},
        pressure_us=int(pressure[1]) if pressure else None,
    )
