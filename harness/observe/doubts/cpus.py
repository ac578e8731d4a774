"""Doubts about CPUs: noise, quotas, frequency, preemption, child processes, a client that is too slow."""

import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from harness.model import Doubt
from harness.observe.cpu_time import TICK_NS, parse_stat, read_reaped
from harness.observe.doubts.context import Context, StackProcesses
from harness.observe.doubts.kinds import doubt
from harness.observe.host.facts import throttled_periods
from harness.observe.host.noise import MachineSnapshot, Noise, noise_between, read_snapshot, with_descendants
from harness.testbed.machine.procfs import format_cpus, parse_cpus, read_int, read_text
from harness.testbed.processes.process import ProcessFamily

# In a closed loop client and servers take turns: a client that is always busy leaves the servers idle.
SATURATED_PERCENT = 90.0

# Both are ten times the value on a quiet virtual machine; in a short session a few ticks of 10 ms are chance.
STEAL_PERCENT = 1.0
BUSY_PERCENT = 5.0
CHANCE_TICKS = 3
# All other processes together, also small and short-lived ones; in ticks their sum is less exact than one process.
ALL_OTHERS_PERCENT = 20.0
# Client and nginx on one CPU wait for each other for up to a fifth of the time, and idle workers that wake together
# for half of it: waiting points to other processes only where they used CPU time.
PRESSURE_PERCENT = 25.0
AT_WORK_PERCENT = 10.0

# Turbo alone varies a frequency by about 10 %; a change of governor, power source or temperature by more.
CHANGED_PERCENT = 20.0
# Some drivers sleep 10 ms to read the frequency of an idle CPU, and servers that are not pinned may use 100 CPUs.
CPUS_READ = 8
_THROTTLE_COUNTERS = ("core_throttle_count", "package_throttle_count")

# A process alone on its CPU blocks voluntarily, once a request; on a quiet machine it is preempted in 4 % of requests.
PREEMPTED_PER_REQUEST = 0.5
# A task with less than this share of the busiest task's CPU time cannot have preempted that task so often.
BUSY_SHARE = 0.05

SIGCHLD_BIT = 1 << 16  # SIGCHLD is signal 17
SERVER_NAMES = {"app": "The application", "nginx": "nginx"}

ProcessKey = tuple[str, str, int]  # role, its CPUs, pid
RoleKey = tuple[str, str]  # role, its CPUs


@dataclass(frozen=True, slots=True)
class ClientTime:
    """The clock, the CPU time of our client, and that of external load tools, which may use several `cpus` at once."""

    clock_s: float
    own_s: float
    tools_s: float
    cpus: int


def read_client(context: Context) -> ClientTime:
    """Read the clock and the CPU times so far."""
    times = os.times()
    return ClientTime(
        clock_s=time.monotonic(),
        own_s=time.process_time(),
        tools_s=times.children_user + times.children_system,
        cpus=min((len(stack.placement.cpus["client"]) for stack in context.processes), default=1),
    )


def client_doubts(before: ClientTime, after: ClientTime) -> Iterator[Doubt]:
    """Yield a doubt where the client, or a load tool on all its CPUs, was busy nearly all the time."""
    busy_s = max(after.own_s - before.own_s, (after.tools_s - before.tools_s) / after.cpus)
    percent = 100 * busy_s / max(1e-9, after.clock_s - before.clock_s)
    if percent > SATURATED_PERCENT:
        text = f"The client was busy {percent:.0f} % of the time, so the client was the bottleneck, not the servers."
        yield doubt("client-bound", text)


@dataclass(frozen=True, slots=True)
class ProcessSnapshot:
    """The CPU times of all processes, and which are `own`: descendants of this process, and measured services."""

    snapshot: MachineSnapshot
    own: frozenset[int]


def read_others(context: Context) -> ProcessSnapshot:
    """Read the CPU times of all processes."""
    snapshot = read_snapshot(context.roots.proc)
    return ProcessSnapshot(snapshot, with_descendants({os.getpid(), *context.services}, snapshot))


def other_doubts(before: ProcessSnapshot, after: ProcessSnapshot) -> Iterator[Doubt]:
    """Yield the doubts about the noise between two readings."""
    return noise_doubts(noise_between(before.snapshot, after.snapshot, after.own, before.own))


def noise_doubts(noise: Noise) -> Iterator[Doubt]:
    """Yield the doubts about an interval with this noise: stolen time, busy processes, waiting for a CPU."""
    chance_percent = CHANCE_TICKS * noise.tick_percent
    if noise.steal_percent > max(STEAL_PERCENT, chance_percent):
        yield doubt("steal", f"{noise.steal_percent:.1f} % of CPU time was stolen by the hypervisor.")
    busy = [process for process in noise.top if process.percent > max(BUSY_PERCENT, chance_percent)]
    for process in busy:
        yield doubt("busy", f"{process.name} (pid {process.pid}) used {process.percent:.0f} % of a CPU.")
    if not busy and noise.others_percent > ALL_OTHERS_PERCENT:
        text = f"Other processes, each small or short-lived, used {noise.others_percent:.0f} % of a CPU."
        yield doubt("busy", text)
    if (noise.pressure_percent or 0) > PRESSURE_PERCENT and noise.others_percent > AT_WORK_PERCENT:
        yield doubt(
            "pressure",
            f"Tasks were stalled for a CPU {noise.pressure_percent:.0f} % of the time (PSI), while other processes "
            f"used {noise.others_percent:.0f} % of one CPU.",
        )


def read_quota(context: Context) -> int:
    """Return the number of throttled periods so far."""
    return throttled_periods(context.roots)


def quota_doubts(before: int, after: int) -> Iterator[Doubt]:
    """Yield a doubt for any throttled period: without CPU time for up to 100 ms, hundreds of requests are late."""
    if after > before:
        text = f"The kernel throttled this run {after - before} times, because its cgroup had used up its CPU quota."
        yield doubt("quota", text)


@dataclass(frozen=True, slots=True)
class CpuSpeeds:
    """The frequency of each CPU, and how often heat has throttled it or its package."""

    khz: Mapping[int, int]
    throttled: Mapping[tuple[int, str], int]


def read_speeds(context: Context) -> CpuSpeeds:
    """Read frequencies and throttle counters of the first CPUs that the stacks use."""
    cpus = sorted({cpu for stack in context.processes for role in stack.placement.cpus.values() for cpu in role})
    places = {cpu: context.roots.sys / f"devices/system/cpu/cpu{cpu}" for cpu in islice(cpus, CPUS_READ)}
    return CpuSpeeds(
        khz={cpu: khz for cpu, place in places.items() if (khz := read_int(place / "cpufreq/scaling_cur_freq"))},
        throttled={
            (cpu, name): read_int(place / "thermal_throttle" / name) or 0
            for cpu, place in places.items()
            for name in _THROTTLE_COUNTERS
        },
    )


def speed_doubts(before: CpuSpeeds, after: CpuSpeeds) -> Iterator[Doubt]:
    """Yield a doubt each for the CPU with the largest change of frequency and for throttling."""
    changes = {
        cpu: 100 * abs(before.khz[cpu] - khz) / max(before.khz[cpu], khz)
        for cpu, khz in after.khz.items()
        if cpu in before.khz
    }
    cpu = max(changes, key=changes.__getitem__, default=None)
    if cpu is not None and changes[cpu] > CHANGED_PERCENT:
        first_mhz, last_mhz = before.khz[cpu] / 1000, after.khz[cpu] / 1000
        yield doubt("frequency", f"CPU {cpu} ran at {first_mhz:.0f} MHz first and at {last_mhz:.0f} MHz at the end.")
    times = max((count - before.throttled.get(counter, count) for counter, count in after.throttled.items()), default=0)
    if times > 0:
        yield doubt("throttled", f"The CPUs were throttled {times} times because they were too hot.")


@dataclass(frozen=True, slots=True)
class Preemptions:
    """The involuntary context switches of each process after so many requests. man 5 proc: status."""

    involuntary: Mapping[ProcessKey, int]
    requests: int
    work_ns: Mapping[RoleKey, Mapping[int, int]]  # CPU time by thread, and of ended threads and children by -pid


def read_preemptions(context: Context) -> Preemptions:
    """Read the roles that have CPUs of their own: roles that share CPUs preempt each other."""
    proc = context.roots.proc
    involuntary: dict[ProcessKey, int] = {}
    work_ns: dict[RoleKey, dict[int, int]] = {}
    for stack in context.processes:
        for role in filter(stack.has_own_cpus, stack.pids):
            key = role, format_cpus(stack.placement.cpus[role])
            counts = {pid: _involuntary_switches(proc / str(pid)) for pid in stack.pids[role]}
            involuntary |= {(*key, pid): count for pid, count in counts.items() if count is not None}
            work_ns[key] = _work_by_task_ns(role, stack, proc)
    return Preemptions(involuntary, context.requests, work_ns)


def preemption_doubts(before: Preemptions, after: Preemptions) -> Iterator[Doubt]:
    """Yield a doubt for each role that was often preempted by tasks of others."""
    requests = max(1, after.requests - before.requests)
    preemptions: dict[RoleKey, int] = {}
    for process, count in after.involuntary.items():
        role = process[:2]
        preemptions[role] = preemptions.get(role, 0) + count - before.involuntary.get(process, count)
    for role, times in preemptions.items():
        if times > PREEMPTED_PER_REQUEST * requests and not _preempts_itself(role, before, after):
            name, cpus = role
            yield doubt(
                "preempted",
                f"{name} was preempted on CPU {cpus} {times / requests:.1f} times per request, although it is the only "
                "role pinned there.",
            )


def _preempts_itself(role: RoleKey, before: Preemptions, after: Preemptions) -> bool:
    """Return whether the role had more busy tasks than CPUs, so that they preempted each other."""
    earlier = before.work_ns.get(role, {})
    work_ns = [now - earlier.get(task, 0) for task, now in after.work_ns.get(role, {}).items()]
    busy = [ns for ns in work_ns if ns > BUSY_SHARE * max(work_ns)]
    return len(busy) > len(parse_cpus(role[1]))


def _involuntary_switches(process: Path) -> int | None:
    """Return the count of the main thread, which serves the requests or waits for those that do."""
    match = re.search(r"^nonvoluntary_ctxt_switches:\s*(\d+)", read_text(process / "status") or "", re.MULTILINE)
    return int(match[1]) if match else None


def _work_by_task_ns(role: str, stack: StackProcesses, proc: Path) -> dict[int, int]:
    work_ns: dict[int, int] = {}
    for pid in stack.pids_of(role, proc):
        process = proc / str(pid)
        threads = {
            int(task.name): int((read_text(task / "schedstat") or "0").split()[0])
            for task in process.glob("task/[0-9]*")
        }
        times = parse_stat(read_text(process / "stat"))
        ended_threads_ns = max(0, times.cpu_ticks * TICK_NS - sum(threads.values()))
        work_ns |= {**threads, -pid: times.reaped_ticks * TICK_NS + ended_threads_ns}
    return work_ns


@dataclass(frozen=True, slots=True)
class Children:
    """The processes that one role of a stack has started, and the resources used by those that have ended."""

    role: str
    is_counted: bool  # their CPU time is measured
    living: frozenset[tuple[int, int]]  # pid and start time
    reaped_ticks: int
    reaped_faults: int
    ignores_sigchld: bool  # the kernel forgets ended children at once


def read_children(context: Context) -> tuple[Children, ...]:
    """Read the children of each role of each stack."""
    families = ((role, family) for stack in context.processes for role, family in stack.families.items())
    return tuple(_read_role(role, family, context.roots.proc) for role, family in families)


def child_doubts(before: tuple[Children, ...], after: tuple[Children, ...]) -> Iterator[Doubt]:
    """Yield a doubt for each role that started processes, or that ignores SIGCHLD."""
    for was, now in zip(before, after, strict=True):
        started = len(now.living - was.living)
        if started or now.reaped_faults > was.reaped_faults:
            used_ms = (now.reaped_ticks - was.reaped_ticks) * TICK_NS // 1_000_000
            what = "processes between requests" if now.is_counted else "its first processes after the warm-up"
            ending = "" if now.is_counted else ". Their CPU time, waiting and context switches are not counted"
            running = f", {started} of them still running" if started else ""
            text = f"{what}: those that ended used {used_ms} ms of CPU time{running}{ending}."
            yield doubt("children", f"{SERVER_NAMES[now.role]} started {text}")
        if now.ignores_sigchld:
            text = "ignores SIGCHLD, so the kernel does not add up the CPU time of its ended children."
            yield doubt("children", f"{SERVER_NAMES[now.role]} {text}")


def _read_role(role: str, family: ProcessFamily, proc: Path) -> Children:
    others = [(pid, read_text(proc / str(pid) / "stat")) for pid in family.other_pids(proc)]
    pids = (*family.workers, *(pid for pid, _ in others))
    reaped_ticks, reaped_faults = read_reaped(family, proc)
    return Children(
        role=role,
        is_counted=family.reads_others,
        living=frozenset((pid, parse_stat(stat).started_ticks) for pid, stat in others if stat),
        reaped_ticks=reaped_ticks,
        reaped_faults=reaped_faults,
        ignores_sigchld=any(_ignores_sigchld(proc / str(pid)) for pid in pids),
    )


def _ignores_sigchld(process: Path) -> bool:
    match = re.search(r"^SigIgn:\s*([0-9a-f]+)", read_text(process / "status") or "", re.MULTILINE)
    return bool(match and int(match[1], 16) & SIGCHLD_BIT)
