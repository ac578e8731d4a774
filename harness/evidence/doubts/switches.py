"""Doubts about processes that were preempted on a CPU that no other role uses."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.evidence.doubts.scene import Crew, Scene
from harness.evidence.reaped import TICK_NS, Reaped, own_ticks
from harness.lab.kernelfiles import format_cpus, parse_cpus, read
from harness.model import Doubt

# A process alone on its CPU blocks voluntarily, once a request; on a quiet machine it is preempted in 4 % of requests.
PREEMPTED_PER_REQUEST = 0.5
# A task with less than this share of the busiest task's CPU time cannot have preempted that task so often.
BUSY_SHARE = 0.05

ProcessKey = tuple[str, str, int]  # role, its CPUs, pid
RoleKey = tuple[str, str]  # role, its CPUs


@dataclass(frozen=True, slots=True)
class Switches:
    """The involuntary context switches of each process after so many requests. man 5 proc: status.

    `work_ns` is the CPU time of each thread of a role and of its child processes, by thread id; under the negative
    process id, the CPU time of threads and children that have ended.
    """

    involuntary: Mapping[ProcessKey, int]
    requests: int
    work_ns: Mapping[RoleKey, Mapping[int, int]] = field(default_factory=dict)


def read_switches(context: Scene) -> Switches:
    """Read the roles that have CPUs of their own: roles that share CPUs preempt each other."""
    alone = [(role, stack) for stack in context.crews for role in stack.pids if _has_own_cpus(role, stack)]
    processes = [(role, _cpu_list(role, stack), pid) for role, stack in alone for pid in stack.pids[role]]
    involuntary = {process: _involuntary_switches(context, process[2]) for process in processes}
    return Switches(
        {process: count for process, count in involuntary.items() if count is not None},
        context.requests,
        {(role, _cpu_list(role, stack)): _work_by_task_ns(role, stack, context) for role, stack in alone},
    )


def switch_doubts(before: Switches, after: Switches) -> Iterator[Doubt]:
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


def _preempts_itself(role: RoleKey, before: Switches, after: Switches) -> bool:
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


def _has_own_cpus(role: str, stack: Crew) -> bool:
    cpus = stack.placement.cpus
    others = {cpu for other, theirs in cpus.items() if other != role for cpu in theirs}
    return not others & set(cpus[role])


def _cpu_list(role: str, stack: Crew) -> str:
    return format_cpus(stack.placement.cpus[role])


def _involuntary_switches(context: Scene, pid: int) -> int | None:
    """Return the count of the main thread, which serves the requests or waits for those that do."""
    text = read(context.roots.proc / str(pid) / "status") or ""
    _, label, rest = text.partition("nonvoluntary_ctxt_switches:")
    return int(rest.split()[0]) if label else None


def _work_by_task_ns(role: str, stack: Crew, context: Scene) -> dict[int, int]:
    work_ns: dict[int, int] = {}
    for pid in stack.pids_of(role, context.roots.proc):
        process = context.roots.proc / str(pid)
        threads = {int(task.name): _run_time_ns(read(task / "schedstat")) for task in process.glob("task/[0-9]*")}
        stat = read(process / "stat")
        ended_threads_ns = max(0, own_ticks(stat) * TICK_NS - sum(threads.values()))
        work_ns |= {**threads, -pid: Reaped.in_stat(stat).ticks * TICK_NS + ended_threads_ns}
    return work_ns


def _run_time_ns(schedstat: str | None) -> int:
    return int((schedstat or "0").split()[0])
