"""Measures the noise of CPUs: gaps in a busy loop, and what other processes use."""

import os
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.load.client import gc_disabled
from harness.observe.cpu_time import ReapedChildren
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
class ProcessTime:
    """The CPU time of one process. The start time distinguishes it from a later process with the same pid."""

    name: str
    started_ticks: int
    cpu_ticks: int
    parent: int = 0
    reaped_ticks: int = 0  # CPU time of ended descendants


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
    pressure_avg10: float | None
    load_1min: float


@dataclass(frozen=True, slots=True)
class BusyProcess:
    """A process other than ours that used CPU time."""

    pid: int
    name: str
    percent: float  # of one CPU


@dataclass(frozen=True, slots=True)
class Noise:
    """The load of others in an interval.

    `steal_percent` is relative to all CPU time, `others_percent` and `tick_percent` (one clock tick) to one CPU,
    `pressure_percent` to the interval.
    """

    seconds: float
    steal_percent: float
    others_percent: float
    top: tuple[BusyProcess, ...]
    pressure_percent: float | None
    pressure_avg10: float | None
    load_1min: float
    tick_percent: float = 0.0


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
    used = {pid: _ticks_since(before, pid, process) for pid, process in after.processes.items()}
    own_ticks = _total_ticks(after, own) - _total_ticks(before, own if own_before is None else own_before)
    total = max(1, after.total_ticks - before.total_ticks)
    one_cpu = total / after.cpus
    busy = [
        BusyProcess(pid, after.processes[pid].name, 100 * ticks / one_cpu)
        for pid, ticks in used.items()
        if ticks > 0 and pid not in own
    ]
    return Noise(
        seconds=(after.taken_ns - before.taken_ns) / 1e9,
        steal_percent=100 * (after.steal_ticks - before.steal_ticks) / total,
        others_percent=100 * max(0, after.cpu_ticks - before.cpu_ticks - own_ticks) / one_cpu,
        top=tuple(sorted(busy, key=lambda process: (-process.percent, process.pid))[:MAX_TOP_PROCESSES]),
        pressure_percent=_pressure_percent(before, after),
        pressure_avg10=after.pressure_avg10,
        load_1min=after.load_1min,
        tick_percent=100 / one_cpu,
    )


def read_snapshot(proc: Path = Path("/proc")) -> MachineSnapshot:
    """Read the CPU counters of the machine and of all processes."""
    lines = (read_text(proc / "stat") or "cpu").splitlines()
    # man 5 proc: user nice system idle iowait irq softirq steal; guest time, after them, is in user already.
    ticks = [int(field) for field in lines[0].split()[1:9]] + [0] * 8
    pressure = _read_pressure(proc)
    return MachineSnapshot(
        taken_ns=time.monotonic_ns(),
        cpus=max(1, sum(line.startswith("cpu") for line in lines[1:])),
        total_ticks=sum(ticks),
        cpu_ticks=sum(ticks[:3]),
        steal_ticks=ticks[7],
        processes=_read_processes(proc),
        pressure_us=int(pressure["total"]) if pressure else None,
        pressure_avg10=float(pressure["avg10"]) if pressure else None,
        load_1min=float((read_text(proc / "loadavg") or "0").split()[0]),
    )


def _total_ticks(snapshot: MachineSnapshot, own: Collection[int]) -> int:
    """Return the CPU time of `own` since their start, with their ended children."""
    processes = (process for pid, process in snapshot.processes.items() if pid in own)
    return sum(process.cpu_ticks + process.reaped_ticks for process in processes)


def _ticks_since(before: MachineSnapshot, pid: int, process: ProcessTime) -> int:
    earlier = before.processes.get(pid)
    is_same = earlier is not None and earlier.started_ticks == process.started_ticks
    return process.cpu_ticks - (earlier.cpu_ticks if earlier and is_same else 0)


def _pressure_percent(before: MachineSnapshot, after: MachineSnapshot) -> float | None:
    if before.pressure_us is None or after.pressure_us is None:
        return None
    elapsed_us = max(1, after.taken_ns - before.taken_ns) / 1000
    return 100 * (after.pressure_us - before.pressure_us) / elapsed_us


def _read_pressure(proc: Path) -> dict[str, str]:
    """Return the fields of the line `some avg10=0.24 avg60=0.53 avg300=0.19 total=4109669`."""
    first_line = (read_text(proc / "pressure/cpu") or "").partition("\n")[0]
    return dict(pair.split("=") for pair in first_line.split()[1:])


def _read_processes(proc: Path) -> dict[int, ProcessTime]:
    texts = {int(path.name): read_text(path / "stat") for path in proc.glob("[0-9]*")}
    return {pid: _parse_stat(text) for pid, text in texts.items() if text}


def _parse_stat(stat: str) -> ProcessTime:
    """Parse `pid (name) state ...`; a name may contain spaces and brackets. man 5 proc."""
    head, _, tail = stat.rpartition(") ")
    fields = tail.split()
    return ProcessTime(
        name=head.partition(" (")[2],
        started_ticks=int(fields[19]),
        cpu_ticks=int(fields[11]) + int(fields[12]),
        parent=int(fields[1]),
        reaped_ticks=ReapedChildren.from_stat(stat).ticks,
    )
