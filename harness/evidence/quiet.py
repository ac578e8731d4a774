"""Says who else used the machine during the last seconds."""

import os
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.evidence.reaped import Reaped
from harness.lab.kernelfiles import read

TOP = 5


@dataclass(frozen=True, slots=True)
class ProcessTime:
    name: str
    started_ticks: int  # together with the pid, which is used again, names a process
    cpu_ticks: int
    parent: int = 0
    reaped_ticks: int = 0  # what its children used that have ended, and theirs


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The counters at one moment. Ticks are of all CPUs together; `cpu_ticks` holds user, nice, system."""

    taken_ns: int
    cpus: int
    total_ticks: int
    cpu_ticks: int
    steal_ticks: int
    processes: Mapping[int, ProcessTime]
    pressure_us: int | None  # time in which somebody waited for a CPU; None: no PSI
    pressure_avg10: float | None
    load_1min: float


@dataclass(frozen=True, slots=True)
class Busy:
    pid: int
    name: str
    percent: float  # of one CPU


@dataclass(frozen=True, slots=True)
class Noise:
    """`steal_percent` is of all CPU time, `others_percent` of one CPU, `pressure_percent` of the interval.

    `tick_percent` is what one tick, in which CPU time is counted, makes of one CPU.
    """

    seconds: float
    steal_percent: float
    others_percent: float
    top: tuple[Busy, ...]
    pressure_percent: float | None
    pressure_avg10: float | None
    load_1min: float
    tick_percent: float = 0.0


def watch_noise(seconds: float, own: Collection[int] = (), proc: Path = Path("/proc")) -> Noise:
    """The noise of the coming `seconds`, without this process and `own` pids."""
    before = read_snapshot(proc)
    time.sleep(seconds)
    return noise_between(before, read_snapshot(proc), {os.getpid(), *own})


def with_descendants(pids: Collection[int], snapshot: Snapshot) -> frozenset[int]:
    """`pids` and all processes below them at the moment of the snapshot."""
    children: dict[int, list[int]] = {}
    for pid, process in snapshot.processes.items():
        children.setdefault(process.parent, []).append(pid)
    found, waiting = set(pids), list(pids)
    while waiting:
        new = set(children.get(waiting.pop(), ())) - found
        found |= new
        waiting += new
    return frozenset(found)


def noise_between(
    before: Snapshot, after: Snapshot, own: Collection[int] = (), own_before: Collection[int] | None = None
) -> Noise:
    """What others than `own` pids did between two snapshots; `own_before` were ours in the first, by default the same.

    `others_percent` is what all CPUs worked less what `own` did, so it knows short-lived processes too. Processes of
    our own that ended in between are in what the processes were told that waited for them.
    """
    used = {pid: _ticks_since(before, pid, process) for pid, process in after.processes.items()}
    own_ticks = _total_ticks(after, own) - _total_ticks(before, own if own_before is None else own_before)
    total = max(1, after.total_ticks - before.total_ticks)
    one_cpu = total / after.cpus
    busy = [
        Busy(pid, after.processes[pid].name, 100 * ticks / one_cpu)
        for pid, ticks in used.items()
        if ticks > 0 and pid not in own
    ]
    return Noise(
        seconds=(after.taken_ns - before.taken_ns) / 1e9,
        steal_percent=100 * (after.steal_ticks - before.steal_ticks) / total,
        others_percent=100 * max(0, after.cpu_ticks - before.cpu_ticks - own_ticks) / one_cpu,
        top=tuple(sorted(busy, key=lambda process: (-process.percent, process.pid))[:TOP]),
        pressure_percent=_pressure_percent(before, after),
        pressure_avg10=after.pressure_avg10,
        load_1min=after.load_1min,
        tick_percent=100 / one_cpu,
    )


def read_snapshot(proc: Path = Path("/proc")) -> Snapshot:
    lines = (read(proc / "stat") or "cpu").splitlines()
    # man 5 proc: user nice system idle iowait irq softirq steal; guest time, after them, is in user already.
    ticks = [int(field) for field in lines[0].split()[1:9]] + [0] * 8
    pressure = _pressure(proc)
    return Snapshot(
        taken_ns=time.monotonic_ns(),
        cpus=max(1, sum(line.startswith("cpu") for line in lines[1:])),
        total_ticks=sum(ticks),
        cpu_ticks=sum(ticks[:3]),
        steal_ticks=ticks[7],
        processes=_processes(proc),
        pressure_us=int(pressure["total"]) if pressure else None,
        pressure_avg10=float(pressure["avg10"]) if pressure else None,
        load_1min=float((read(proc / "loadavg") or "0").split()[0]),
    )


def _total_ticks(snapshot: Snapshot, own: Collection[int]) -> int:
    """What `own` used in all their lives, with their children that have ended."""
    processes = (process for pid, process in snapshot.processes.items() if pid in own)
    return sum(process.cpu_ticks + process.reaped_ticks for process in processes)


def _ticks_since(before: Snapshot, pid: int, process: ProcessTime) -> int:
    earlier = before.processes.get(pid)
    same = earlier is not None and earlier.started_ticks == process.started_ticks
    return process.cpu_ticks - (earlier.cpu_ticks if earlier and same else 0)


def _pressure_percent(before: Snapshot, after: Snapshot) -> float | None:
    if before.pressure_us is None or after.pressure_us is None:
        return None
    elapsed_us = max(1, after.taken_ns - before.taken_ns) / 1000
    return 100 * (after.pressure_us - before.pressure_us) / elapsed_us


def _pressure(proc: Path) -> dict[str, str]:
    """The line `some avg10=0.24 avg60=0.53 avg300=0.19 total=4109669` as a dictionary."""
    some = (read(proc / "pressure/cpu") or "").partition("\n")[0]
    return dict(pair.split("=") for pair in some.split()[1:])


def _processes(proc: Path) -> dict[int, ProcessTime]:
    texts = {int(path.name): read(path / "stat") for path in proc.glob("[0-9]*")}
    return {pid: _process(text) for pid, text in texts.items() if text}


def _process(stat: str) -> ProcessTime:
    """man 5 proc: `pid (name) state ...`; a name may contain spaces and brackets."""
    head, _, tail = stat.rpartition(") ")
    fields = tail.split()
    return ProcessTime(
        name=head.partition(" (")[2],
        started_ticks=int(fields[19]),
        cpu_ticks=int(fields[11]) + int(fields[12]),
        parent=int(fields[1]),
        reaped_ticks=Reaped.in_stat(stat).ticks,
    )
