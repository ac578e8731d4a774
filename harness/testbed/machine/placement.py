"""Places servers and client on CPUs, pins them, and explains the placement."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Literal

import psutil

from harness.errors import MachineError, raise_if_any
from harness.model import ROLES, RoleCpuNumbers
from harness.testbed.machine.procfs import format_cpus
from harness.testbed.machine.topology import UNKNOWN, Cpu, Topology

CpuSet = tuple[int, ...]
PlacementPolicy = Literal["auto", "split", "shared", "same-cpu", "none"]
_ROLE_NAMES = {"nginx": "nginx", "app": "the app", "client": "the client"}


@dataclass(frozen=True, slots=True)
class Placement:
    """The CPUs of each role, and one or two sentences on where and why."""

    cpus: Mapping[str, CpuSet]
    reason: str


def placement_of(wanted: PlacementPolicy | RoleCpuNumbers, topology: Topology, app_workers: int) -> Placement:
    """Return the CPUs of each role. Raises MachineError for split on one CPU, or for given CPUs that are not available.

    split    nginx and the app on disjoint CPUs; the client on another one, or else on nginx's core
    shared   nginx and the app on the union of their CPUs in split
    same-cpu all on the first CPU that split gives the app
    auto     split, or shared where there is only one CPU
    none     no pinning
    CpuLists as given
    """
    if isinstance(wanted, RoleCpuNumbers):
        return _given_placement(wanted, topology)
    if wanted == "none":
        everywhere = format_cpus(topology.numbers)
        reason = f"No process is pinned: the scheduler chooses among the allowed CPUs ({everywhere})."
        return Placement(dict.fromkeys(ROLES, topology.numbers), reason)
    if len(topology.cpus) == 1 and wanted != "split":
        cpus = dict.fromkeys(ROLES, topology.numbers)
    else:
        cpus = _split_cpus(topology, app_workers)
    if wanted == "same-cpu":
        cpus = dict.fromkeys(ROLES, cpus["app"][:1])
    if wanted == "shared":
        cpus = _shared_cpus(cpus)
    return Placement(cpus, placement_reason(cpus, topology))


def _given_placement(lists: RoleCpuNumbers, topology: Topology) -> Placement:
    cpus = {role: tuple(sorted(set(getattr(lists, role)))) for role in ROLES}
    raise_if_any(
        (
            f"The placement gives {role} CPU {number}, which {_unavailability(number, topology)}. "
            f"Choose among the CPUs {format_cpus(topology.reachable)}."
            for role, numbers in cpus.items()
            for number in numbers
            if number not in topology.reachable
        ),
        MachineError,
    )
    return Placement(cpus, f"As the experiment asks: {placement_reason(cpus, topology)}")


def _unavailability(number: int, topology: Topology) -> str:
    if number in topology.online:
        return "this process may not use (it is not in its cpuset)"
    if number in topology.present:
        return f"is offline (root can change that: echo 1 > /sys/devices/system/cpu/cpu{number}/online)"
    return "does not exist" if topology.present else "is offline or does not exist"


def _split_cpus(topology: Topology, app_workers: int) -> dict[str, CpuSet]:
    if len(topology.cpus) < 2:
        raise MachineError(
            'placement = "split" needs two CPUs, one for nginx and one for the app, but only CPU '
            f'{format_cpus(topology.numbers)} is allowed here. Set placement = "shared", or allow more CPUs.'
        )
    nginx, *others = _near_cores(topology, app_workers + 2)
    app = others[: max(1, min(app_workers, len(others) - 1))]
    beside_nginx = [cpu for cpu in topology.cpus if cpu.core == nginx.core and cpu not in (nginx, *app)]
    client, *_ = [*others[len(app) :], *beside_nginx, nginx]
    return {"client": (client.number,), "nginx": (nginx.number,), "app": tuple(sorted(cpu.number for cpu in app))}


def _shared_cpus(split: Mapping[str, CpuSet]) -> dict[str, CpuSet]:
    both = tuple(sorted({*split["nginx"], *split["app"]}))
    alone = not set(split["client"]) & set(both)
    return {"client": split["client"] if alone else both, "nginx": both, "app": both}


def _near_cores(topology: Topology, count: int) -> list[Cpu]:
    """Return one CPU of each of the `count` best cores (or all cores), CPU 0's core last.

    On a machine with one core, return its threads instead.
    """
    ranked = sorted(topology.cpus, key=_cpu_rank)
    first_of_core: dict[int, Cpu] = {}
    for cpu in ranked:
        first_of_core.setdefault(cpu.core, cpu)
    if len(first_of_core) == 1:
        return ranked
    count = min(count, len(first_of_core))
    groups = _neighbourhoods(list(first_of_core.values()))
    return next(group[:count] for group in groups if len(group) >= count)


def _cpu_rank(cpu: Cpu) -> tuple[object, ...]:
    """Return a sort key: neighbours together, CPU 0 and its sibling last, because they take most interrupts."""
    return (cpu.core == 0, cpu.number == 0, cpu.home, cpu.number)


def _neighbourhoods(cores: Sequence[Cpu]) -> Iterator[list[Cpu]]:
    """Yield ever larger groups: equal cores before mixed ones, then the nearest, then those without CPU 0."""
    for kind, nearness, without_zero in product(_speed_kinds(cores), (3, 2, 1, 0), (True, False)):
        groups: dict[tuple[int, ...], list[Cpu]] = {}
        for cpu in sorted(kind, key=lambda cpu: (cpu.home, _cpu_rank(cpu))):
            if cpu.core or not without_zero:
                groups.setdefault(cpu.home[:nearness], []).append(cpu)
        yield from (sorted(group, key=_cpu_rank) for group in groups.values())


def _speed_kinds(cores: Sequence[Cpu]) -> list[list[Cpu]]:
    """Return groups of cores of similar speed, the fastest first, and then all cores."""
    kinds: list[list[Cpu]] = []
    for cpu in sorted(cores, key=lambda cpu: -cpu.speed):
        if kinds and kinds[-1][0].is_equal_speed(cpu):
            kinds[-1].append(cpu)
        else:
            kinds.append([cpu])
    return [*kinds, list(cores)]


def placement_reason(cpus: Mapping[str, Sequence[int]], topology: Topology) -> str:
    """Return one sentence about `cpus`, which maps roles to CPU numbers."""
    used = {number for numbers in cpus.values() for number in numbers}
    members = [cpu for cpu in topology.all_cpus if cpu.number in used]
    together: dict[tuple[int, ...], list[str]] = {}
    for role, name in _ROLE_NAMES.items():
        together.setdefault(tuple(cpus[role]), []).append(name)
    roles = ", ".join(f"{_join_words(names)} on {_cpus_text(numbers)}" for numbers, names in together.items())
    remarks = [_nearness_text(members)]
    fastest = max(members, key=lambda cpu: cpu.speed)
    if not all(map(fastest.is_equal_speed, members)):
        remarks.append("not all of the same speed")
    if isolated := used & topology.isolated:
        remarks.append(f"isolated from other processes: {_cpus_text(isolated)}")
    if 0 in topology.numbers and 0 not in used:
        remarks.append("CPU 0 is left to interrupts")
    return f"{roles}: {'; '.join(remarks)}."


def _join_words(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _cpus_text(numbers: Iterable[int]) -> str:
    text = format_cpus(numbers)
    return f"CPU {text}" if text.isdigit() else f"CPUs {text}"


def _nearness_text(members: Sequence[Cpu]) -> str:
    if len(members) == 1:
        return "one CPU for all"
    cores = len({cpu.core for cpu in members})
    if cores == 1:
        return "threads of one core"
    kind = "separate cores" if cores == len(members) else f"threads of {cores} cores"
    return f"{kind} {_shared_level(members)}"


def _shared_level(members: Sequence[Cpu]) -> str:
    """Name the nearest level that all CPUs share."""
    if len({cpu.package for cpu in members}) > 1:
        return "in several sockets"
    if len({cpu.node for cpu in members}) > 1:
        return "in several NUMA nodes"
    if members[0].llc == UNKNOWN:
        return "with unknown caches"
    if len({cpu.llc for cpu in members}) > 1:
        return "without a shared cache"
    return "with a shared last-level cache"


@contextmanager
def pin_process(cpus: Sequence[int]) -> Iterator[None]:
    """Run this process on `cpus` during the body, and on its former CPUs afterwards."""
    process = psutil.Process()
    before = process.cpu_affinity()
    process.cpu_affinity(list(cpus))
    try:
        yield
    finally:
        process.cpu_affinity(before)


def move_process(cpus: Sequence[int]) -> None:
    """Run this process on `cpus` from now on, by a single system call; for use within `pinned`."""
    os.sched_setaffinity(0, cpus)
