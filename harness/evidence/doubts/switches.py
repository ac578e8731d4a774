"""Doubts about processes that were taken off a CPU which no other role of theirs shares."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.evidence.doubts.scene import Crew, Scene
from harness.lab.kernelfiles import format_cpus, read
from harness.model import Doubt

# A process alone on its CPU leaves it of its own accord, once a request; on a quiet machine it is taken off
# in one request of twenty-five.
PREEMPTED_PER_REQUEST = 0.5

Who = tuple[str, str, int]  # role, its CPUs, pid


@dataclass(frozen=True, slots=True)
class Switches:
    """How often each process had been taken off its CPU after so many requests. man 5 proc: status."""

    involuntary: Mapping[Who, int]
    requests: int


def read_switches(scene: Scene) -> Switches:
    """Of the roles that have their CPUs to themselves: those that share are taken off by their own partners."""
    involuntary = {who: _involuntary(scene, who[2]) for crew in scene.crews for who in _alone(crew)}
    return Switches({who: count for who, count in involuntary.items() if count is not None}, scene.requests)


def switch_doubts(before: Switches, after: Switches) -> Iterator[Doubt]:
    requests = max(1, after.requests - before.requests)
    places = dict.fromkeys((role, cpus) for role, cpus, _ in after.involuntary)
    for place in places:
        taken_off = sum(
            count - before.involuntary.get(who, count) for who, count in after.involuntary.items() if who[:2] == place
        )
        if taken_off > PREEMPTED_PER_REQUEST * requests:
            yield _doubt(*place, taken_off / requests)


def _doubt(role: str, cpus: str, per_request: float) -> Doubt:
    return Doubt(
        kind="preempted",
        seen=f"{role} was taken off CPU {cpus} {per_request:.1f} times per request, though it has it to itself.",
        advice=(
            f"Something outside the experiment runs on CPU {cpus}, perhaps an interrupt or a timer: "
            "/proc/interrupts and `ps -eo psr,comm` show what. Keep it away, or choose other CPUs with placement."
        ),
    )


def _alone(crew: Crew) -> Iterator[Who]:
    cpus = crew.placement.cpus
    for role, pids in crew.pids.items():
        others = {cpu for other, theirs in cpus.items() if other != role for cpu in theirs}
        if not others & set(cpus[role]):
            yield from ((role, format_cpus(cpus[role]), pid) for pid in pids)


def _involuntary(scene: Scene, pid: int) -> int | None:
    """Of the main thread, which serves the requests or waits for whoever does."""
    text = read(scene.roots.proc / str(pid) / "status") or ""
    _, found, rest = text.partition("nonvoluntary_ctxt_switches:")
    return int(rest.split()[0]) if found else None
