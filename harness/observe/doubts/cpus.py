"""Doubts about CPUs: noise, quotas, frequency, context switches, a client that is too slow."""

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from harness.model import Doubt
from harness.observe.cpu_time import TICK_NS, ReapedChildren, own_ticks
from harness.observe.doubts.context import Context, StackProcesses
from harness.observe.host.facts import throttled_periods
from harness.observe.host.noise import MachineSnapshot, Noise, noise_between, read_snapshot, with_descendants
from harness.testbed.machine.procfs import format_cpus, parse_cpus, read_int, read_text

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

_STOP_ADVICE = "Stop the other processes on this machine, or wait until they have ended."

# Turbo alone varies a frequency by about 10 %; a change of governor, power source or temperature by more.
CHANGED_PERCENT = 20.0
# Some drivers sleep 10 ms to read the frequency of an idle CPU, and servers that are not pinned may use 100 CPUs.
CPUS_READ = 8

_THROTTLE_COUNTERS = ("core_throttle_count", "package_throttle_count")

# A process alone on its CPU blocks voluntarily, once a request; on a quiet machine it is preempted in 4 % of requests.
PREEMPTED_PER_REQUEST = 0.5
# A task with less than this share of the busiest task's CPU time cannot have preempted that task so often.
BUSY_SHARE = 0.05

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
    elapsed_s = max(1e-9, after.clock_s - before.clock_s)
    own = (after.own_s - before.own_s) / elapsed_s
    tools = (after.tools_s - before.tools_s) / elapsed_s / after.cpus
    percent = 100 * max(own, tools)
    if percent > SATURATED_PERCENT:
        yield Doubt(
            kind="client-bound",
            seen=f"The client was busy {percent:.0f} % of the time, so the client was the bottleneck, not the servers.",
            advice=(
                "Do not use the throughput of this session: send smaller answers, use a faster load tool, "
                "or give the client more CPUs with placement."
            ),
        )


@dataclass(frozen=True, slots=True)
class OtherProcesses:
    """A snapshot of the machine, and our own processes: those below this one, and those of measured services."""

    snapshot: MachineSnapshot
    own: frozenset[int]


def read_others(context: Context) -> OtherProcesses:
    """Read the CPU times of all processes."""
    snapshot = read_snapshot(context.roots.proc)
    return OtherProcesses(snapshot, with_descendants({os.getpid(), *context.services}, snapshot))


def other_doubts(before: OtherProcesses, after: OtherProcesses) -> Iterator[Doubt]:
    """Yield the doubts about the noise between two readings."""
    return noise_doubts(noise_between(before.snapshot, after.snapshot, after.own, before.own))


def noise_doubts(noise: Noise) -> Iterator[Doubt]:
    """Yield the doubts about an interval with this noise."""
    yield from _steal_doubts(noise)
    yield from _busy_doubts(noise)
    yield from _pressure_doubts(noise)


def _steal_doubts(noise: Noise) -> Iterator[Doubt]:
    if noise.steal_percent > _beyond_chance(STEAL_PERCENT, noise):
        yield Doubt(
            kind="steal",
            seen=f"{noise.steal_percent:.1f} % of CPU time was stolen by the hypervisor.",
            advice="Other guests compete for this machine's CPUs: measure longer, at another time, or elsewhere.",
        )


def _busy_doubts(noise: Noise) -> Iterator[Doubt]:
    busy = [process for process in noise.top if process.percent > _beyond_chance(BUSY_PERCENT, noise)]
    for process in busy:
        text = f"{process.name} (pid {process.pid}) used {process.percent:.0f} % of a CPU."
        yield Doubt(kind="busy", seen=text, advice=_STOP_ADVICE)
    if not busy and noise.others_percent > ALL_OTHERS_PERCENT:
        text = f"Other processes, each small or short-lived, used {noise.others_percent:.0f} % of a CPU."
        yield Doubt(kind="busy", seen=text, advice=_STOP_ADVICE)


def _beyond_chance(percent: float, noise: Noise) -> float:
    return max(percent, CHANCE_TICKS * noise.tick_percent)


def _pressure_doubts(noise: Noise) -> Iterator[Doubt]:
    if (noise.pressure_percent or 0) > PRESSURE_PERCENT and noise.others_percent > AT_WORK_PERCENT:
        yield Doubt(
            kind="pressure",
            seen=(
                f"Tasks were stalled for a CPU {noise.pressure_percent:.0f} % of the time (PSI), while other processes "
                f"used {noise.others_percent:.0f} % of one CPU."
            ),
            advice="Requests of every transport waited for a CPU: keep other processes off the servers' CPUs.",
        )


def read_quota(context: Context) -> int:
    """Return the number of throttled periods so far."""
    return throttled_periods(context.roots)


def quota_doubts(before: int, after: int) -> Iterator[Doubt]:
    """Yield a doubt for any throttled period: without CPU time for up to 100 ms, hundreds of requests are late."""
    if after > before:
        yield Doubt(
            kind="quota",
            seen=f"The kernel throttled this run {after - before} times, because its cgroup had used up its CPU quota.",
            advice=(
                "Measure outside this cgroup (a container's or service's CPU limit), or remove its limit; "
                "to measure under a limit, give every role its own with cpu_quota."
            ),
        )


@dataclass(frozen=True, slots=True)
class CpuSpeeds:
    """The frequency of each CPU, and how often heat has throttled it or its package."""

    khz: Mapping[int, int]
    throttled: Mapping[tuple[int, str], int]


def read_speeds(context: Context) -> CpuSpeeds:
    """Read frequencies and throttle counters of the first CPUs that the stacks use."""
    cpus = sorted({cpu for stack in context.processes for role in stack.placement.cpus.values() for cpu in role})
    places = {cpu: context.roots.sys / f"devices/system/cpu/cpu{cpu}" for cpu in islice(cpus, CPUS_READ)}
    frequencies = {cpu: read_int(place / "cpufreq/scaling_cur_freq") for cpu, place in places.items()}
    return CpuSpeeds(
        khz={cpu: khz for cpu, khz in frequencies.items() if khz},
        throttled={
            (cpu, name): read_int(place / "thermal_throttle" / name) or 0
            for cpu, place in places.items()
            for name in _THROTTLE_COUNTERS
        },
    )


def speed_doubts(before: CpuSpeeds, after: CpuSpeeds) -> Iterator[Doubt]:
    """Yield a doubt each for a changed frequency and for throttling."""
    yield from _frequency_doubts(before.khz, after.khz)
    yield from _throttle_doubts(before.throttled, after.throttled)


def _frequency_doubts(before: Mapping[int, int], after: Mapping[int, int]) -> Iterator[Doubt]:
    """Yield a doubt about the CPU with the largest change."""
    changes = {cpu: 100 * abs(before[cpu] - khz) / max(before[cpu], khz) for cpu, khz in after.items() if cpu in before}
    cpu = max(changes, key=changes.__getitem__, default=None)
    if cpu is not None and changes[cpu] > CHANGED_PERCENT:
        yield Doubt(
            kind="frequency",
            seen=f"CPU {cpu} ran at {before[cpu] / 1000:.0f} MHz first and at {after[cpu] / 1000:.0f} MHz at the end.",
            advice="Set the frequency governor to performance, and turbo off if times must not depend on temperature.",
        )


def _throttle_doubts(before: Mapping[tuple[int, str], int], after: Mapping[tuple[int, str], int]) -> Iterator[Doubt]:
    times = max((count - before.get(counter, count) for counter, count in after.items()), default=0)
    if times > 0:
        yield Doubt(
            kind="throttled",
            seen=f"The CPUs were throttled {times} times because they were too hot.",
            advice="Cool the machine, or turn off turbo, and measure again.",
        )


@dataclass(frozen=True, slots=True)
class Preemptions:
    """The involuntary context switches of each process after so many requests. man 5 proc: status.

    `work_ns` is the CPU time of each thread of a role and of its child processes, by thread id; under the negative
    process id, the CPU time of threads and children that have ended.
    """

    involuntary: Mapping[ProcessKey, int]
    requests: int
    work_ns: Mapping[RoleKey, Mapping[int, int]] = field(default_factory=dict)


def read_preemptions(context: Context) -> Preemptions:
    """Read the roles that have CPUs of their own: roles that share CPUs preempt each other."""
    alone = [(role, stack) for stack in context.processes for role in stack.pids if _has_own_cpus(role, stack)]
    processes = [(role, _cpu_list(role, stack), pid) for role, stack in alone for pid in stack.pids[role]]
    involuntary = {process: _involuntary_switches(context, process[2]) for process in processes}
    return Preemptions(
        {process: count for process, count in involuntary.items() if count is not None},
        context.requests,
        {(role, _cpu_list(role, stack)): _work_by_task_ns(role, stack, context) for role, stack in alone},
    )


def preemption_doubts(before: Preemptions, after: Preemptions) -> Iterator[Doubt]:
    """Yield a doubt for each role that was preempted often, and not by its own tasks."""
    requests = max(1, after.requests - before.requests)
    for role in dict.fromkeys((name, cpus) for name, cpus, _ in after.involuntary):
        preemptions = sum(
            count - before.involuntary.get(process, count)
            for process, count in after.involuntary.items()
            if process[:2] == role
        )
        if preemptions > PREEMPTED_PER_REQUEST * requests and not _preempts_itself(role, before, after):
            yield _preemption_doubt(*role, preemptions / requests)


def _preempts_itself(role: RoleKey, before: Preemptions, after: Preemptions) -> bool:
    """Return whether the role had more busy tasks than CPUs, so that they preempted each other."""
    earlier = before.work_ns.get(role, {})
    work_ns = [now - earlier.get(task, 0) for task, now in after.work_ns.get(role, {}).items()]
    busy = [ns for ns in work_ns if ns > BUSY_SHARE * max(work_ns)]
    return len(busy) > len(parse_cpus(role[1]))


def _preemption_doubt(role: str, cpus: str, per_request: float) -> Doubt:
    return Doubt(
        kind="preempted",
        seen=(
            f"{role} was preempted on CPU {cpus} {per_request:.1f} times per request, although it is the only role "
            "pinned there."
        ),
        advice=(
            f"Something outside the experiment runs on CPU {cpus}, perhaps an interrupt or a timer: "
            "/proc/interrupts and `ps -eo psr,comm` show it. Keep it away, or choose other CPUs with placement."
        ),
    )


def _has_own_cpus(role: str, stack: StackProcesses) -> bool:
    cpus = stack.placement.cpus
    others = {cpu for other, theirs in cpus.items() if other != role for cpu in theirs}
    return not others & set(cpus[role])


def _cpu_list(role: str, stack: StackProcesses) -> str:
    return format_cpus(stack.placement.cpus[role])


def _involuntary_switches(context: Context, pid: int) -> int | None:
    """Return the count of the main thread, which serves the requests or waits for those that do."""
    text = read_text(context.roots.proc / str(pid) / "status") or ""
    _, label, rest = text.partition("nonvoluntary_ctxt_switches:")
    return int(rest.split()[0]) if label else None


def _work_by_task_ns(role: str, stack: StackProcesses, context: Context) -> dict[int, int]:
    work_ns: dict[int, int] = {}
    for pid in stack.pids_of(role, context.roots.proc):
        process = context.roots.proc / str(pid)
        threads = {int(task.name): _run_time_ns(read_text(task / "schedstat")) for task in process.glob("task/[0-9]*")}
        stat = read_text(process / "stat")
        ended_threads_ns = max(0, own_ticks(stat) * TICK_NS - sum(threads.values()))
        work_ns |= {**threads, -pid: ReapedChildren.from_stat(stat).ticks * TICK_NS + ended_threads_ns}
    return work_ns


def _run_time_ns(schedstat: str | None) -> int:
    return int((schedstat or "0").split()[0])
