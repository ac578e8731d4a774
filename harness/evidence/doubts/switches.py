"""Doubts about processes that were taken off a CPU which no other role of theirs shares."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.evidence.doubts.scene import Crew, Scene
from harness.evidence.reaped import TICK_NS, Reaped, own_ticks
from harness.lab.kernelfiles import format_cpus, parse_cpus, read
from harness.model import Doubt

# A process alone on its CPU leaves it of its own accord, once a request; on a quiet machine it is taken off
# in one request of twenty-five.
PREEMPTED_PER_REQUEST = 0.5
# A task that works less than this, of what the busiest of its role does, cannot have displaced that so often.
BUSY_SHARE = 0.05

Who = tuple[str, str, int]  # role, its CPUs, pid
Place = tuple[str, str]  # role, its CPUs


@dataclass(frozen=True, slots=True)
class Switches:
    """How often each process had been taken off its CPU after so many requests. man 5 proc: status.

    `work_ns` is the CPU time of each thread of a role and of the processes that it has started, by its number; under
    the number of a process with a minus, that of its threads and children that have ended.
    """

    involuntary: Mapping[Who, int]
    requests: int
    work_ns: Mapping[Place, Mapping[int, int]] = field(default_factory=dict)


def read_switches(scene: Scene) -> Switches:
    """Of the roles that have their CPUs to themselves: those that share are taken off by their own partners."""
    alone = [(role, crew) for crew in scene.crews for role in crew.pids if _is_alone(role, crew)]
    processes = [(role, _cpus(role, crew), pid) for role, crew in alone for pid in crew.pids[role]]
    involuntary = {who: _involuntary(scene, who[2]) for who in processes}
    return Switches(
        {who: count for who, count in involuntary.items() if count is not None},
        scene.requests,
        {(role, _cpus(role, crew)): _work_ns(role, crew, scene) for role, crew in alone},
    )


def switch_doubts(before: Switches, after: Switches) -> Iterator[Doubt]:
    requests = max(1, after.requests - before.requests)
    places = dict.fromkeys((role, cpus) for role, cpus, _ in after.involuntary)
    for place in places:
        taken_off = sum(
            count - before.involuntary.get(who, count) for who, count in after.involuntary.items() if who[:2] == place
        )
        if taken_off > PREEMPTED_PER_REQUEST * requests and not _displaces_itself(place, before, after):
            yield _doubt(*place, taken_off / requests)


def _displaces_itself(place: Place, before: Switches, after: Switches) -> bool:
    """Whether more tasks of the role were at work than it has CPUs, so that they took each other's place."""
    was = before.work_ns.get(place, {})
    work_ns = [now - was.get(task, 0) for task, now in after.work_ns.get(place, {}).items()]
    busy = [ns for ns in work_ns if ns > BUSY_SHARE * max(work_ns)]
    return len(busy) > len(parse_cpus(place[1]))


def _doubt(role: str, cpus: str, per_request: float) -> Doubt:
    return Doubt(
        kind="preempted",
        seen=f"{role} was taken off CPU {cpus} {per_request:.1f} times per request, though it has it to itself.",
        advice=(
            f"Something outside the experiment runs on CPU {cpus}, perhaps an interrupt or a timer: "
            "/proc/interrupts and `ps -eo psr,comm` show what. Keep it away, or choose other CPUs with placement."
        ),
    )


def _is_alone(role: str, crew: Crew) -> bool:
    cpus = crew.placement.cpus
    others = {cpu for other, theirs in cpus.items() if other != role for cpu in theirs}
    return not others & set(cpus[role])


def _cpus(role: str, crew: Crew) -> str:
    return format_cpus(crew.placement.cpus[role])


def _involuntary(scene: Scene, pid: int) -> int | None:
    """Of the main thread, which serves the requests or waits for whoever does."""
    text = read(scene.roots.proc / str(pid) / "status") or ""
    _, found, rest = text.partition("nonvoluntary_ctxt_switches:")
    return int(rest.split()[0]) if found else None


def _work_ns(role: str, crew: Crew, scene: Scene) -> dict[int, int]:
    found: dict[int, int] = {}
    for pid in crew.pids_of(role, scene.roots.proc):
        process = scene.roots.proc / str(pid)
        threads = {int(task.name): _ran_ns(read(task / "schedstat")) for task in process.glob("task/[0-9]*")}
        stat = read(process / "stat")
        ended_threads_ns = max(0, own_ticks(stat) * TICK_NS - sum(threads.values()))
        found |= {**threads, -pid: Reaped.in_stat(stat).ticks * TICK_NS + ended_threads_ns}
    return found


def _ran_ns(schedstat: str | None) -> int:
    return int((schedstat or "0").split()[0])
