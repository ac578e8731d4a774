"""Decides which role runs on which CPUs, and gives the reason."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, product
from typing import Literal

from harness.errors import MachineError, raise_all
from harness.lab.explain import explain
from harness.lab.kernelfiles import format_cpus
from harness.lab.topology import Cpu, Topology
from harness.model import ROLES, CpuLists

Cpus = tuple[int, ...]
Wanted = Literal["auto", "split", "shared", "same-cpu", "none"]


@dataclass(frozen=True, slots=True)
class Placement:
    """The CPUs of each role, and one or two sentences on where and why."""

    cpus: Mapping[str, Cpus]
    reason: str


def place(wanted: Wanted | CpuLists, topology: Topology, app_workers: int) -> Placement:
    """Return the CPUs of each role. Raises MachineError for split on one CPU, or for given CPUs that are not available.

    split    nginx and the app on disjoint CPUs; the client on another one, or else on nginx's core
    shared   nginx and the app on the union of their CPUs in split
    same-cpu all on the first CPU that split gives the app
    auto     split, or shared where there is only one CPU
    none     no pinning
    CpuLists as given
    """
    if isinstance(wanted, CpuLists):
        return _given_placement(wanted, topology)
    if wanted == "none":
        everywhere = format_cpus(topology.numbers)
        reason = f"No process is pinned: the scheduler chooses among the allowed CPUs ({everywhere})."
        return Placement(dict.fromkeys(ROLES, topology.numbers), reason)
    cpus = _policy_cpus(wanted, topology, app_workers)
    return Placement(cpus, explain(cpus, topology))


def _policy_cpus(wanted: Wanted, topology: Topology, app_workers: int) -> dict[str, Cpus]:
    if len(topology.cpus) == 1 and wanted != "split":
        return dict.fromkeys(ROLES, topology.numbers)
    split = _split_cpus(topology, app_workers)
    if wanted == "same-cpu":
        return dict.fromkeys(ROLES, split["app"][:1])
    return _shared_cpus(split) if wanted == "shared" else split


def _given_placement(lists: CpuLists, topology: Topology) -> Placement:
    cpus = {role: tuple(sorted(set(getattr(lists, role)))) for role in ROLES}
    raise_all(
        (
            f"The placement gives {role} CPU {number}, which {_unavailability(number, topology)}. "
            f"Choose among the CPUs {format_cpus(topology.reachable)}."
            for role, numbers in cpus.items()
            for number in numbers
            if number not in topology.reachable
        ),
        MachineError,
    )
    return Placement(cpus, f"As the experiment asks: {explain(cpus, topology)}")


def _unavailability(number: int, topology: Topology) -> str:
    if number in topology.online:
        return "this process may not use (it is not in its cpuset)"
    if number in topology.present:
        return f"is offline (root can change that: echo 1 > /sys/devices/system/cpu/cpu{number}/online)"
    return "does not exist" if topology.present else "is offline or does not exist"


def _split_cpus(topology: Topology, app_workers: int) -> dict[str, Cpus]:
    if len(topology.cpus) < 2:
        raise MachineError(
            'placement = "split" needs two CPUs, one for nginx and one for the app, but only CPU '
            f'{format_cpus(topology.numbers)} is allowed here. Set placement = "shared", or allow more CPUs.'
        )
    nginx, *others = _near_cores(topology, app_workers + 2)
    app = others[: max(1, min(app_workers, len(others) - 1))]
    beside_nginx = [cpu for cpu in topology.cpus if cpu.core == nginx.core and cpu not in (nginx, *app)]
    client, *_ = [*others[len(app) :], *beside_nginx, nginx]
    return {"client": _cpu_numbers([client]), "nginx": _cpu_numbers([nginx]), "app": _cpu_numbers(app)}


def _shared_cpus(split: Mapping[str, Cpus]) -> dict[str, Cpus]:
    both = tuple(sorted({*split["nginx"], *split["app"]}))
    alone = not set(split["client"]) & set(both)
    return {"client": split["client"] if alone else both, "nginx": both, "app": both}


def _cpu_numbers(cpus: Sequence[Cpu]) -> Cpus:
    return tuple(sorted(cpu.number for cpu in cpus))


def _near_cores(topology: Topology, count: int) -> list[Cpu]:
    """Return one CPU of each of the `count` best cores (or all cores), CPU 0's core last.

    On a machine with one core, return its threads instead.
    """
    cores = _cores(topology)
    if len(cores) == 1:
        return sorted(topology.cpus, key=_cpu_rank)
    count = min(count, len(cores))
    return next(group[:count] for group in _neighbourhoods(cores) if len(group) >= count)


def _cores(topology: Topology) -> list[Cpu]:
    """Return one CPU of each core; CPU 0 only where it is the only one."""
    first: dict[int, Cpu] = {}
    for cpu in sorted(topology.cpus, key=_cpu_rank):
        first.setdefault(cpu.core, cpu)
    return list(first.values())


def _cpu_rank(cpu: Cpu) -> tuple[object, ...]:
    """Return a sort key: neighbours together, CPU 0 and its sibling last, because they take most interrupts."""
    return (cpu.core == 0, cpu.number == 0, cpu.home, cpu.number)


def _neighbourhoods(cores: Sequence[Cpu]) -> Iterator[list[Cpu]]:
    """Yield ever larger groups: equal cores before mixed ones, then the nearest, then those without CPU 0."""
    for kind, nearness, without_zero in product(_speed_kinds(cores), (3, 2, 1, 0), (True, False)):
        yield from _nearness_groups([cpu for cpu in kind if not (without_zero and cpu.core == 0)], nearness)


def _nearness_groups(cpus: Sequence[Cpu], nearness: int) -> Iterator[list[Cpu]]:
    def home(cpu: Cpu) -> tuple[int, ...]:
        return cpu.home[:nearness]

    ordered = sorted(cpus, key=lambda cpu: (home(cpu), _cpu_rank(cpu)))
    return (list(group) for _, group in groupby(ordered, home))


def _speed_kinds(cores: Sequence[Cpu]) -> list[list[Cpu]]:
    """Return groups of cores of similar speed, the fastest first, and then all cores."""
    kinds: list[list[Cpu]] = []
    for cpu in sorted(cores, key=lambda cpu: -cpu.speed):
        if kinds and kinds[-1][0].is_like(cpu):
            kinds[-1].append(cpu)
        else:
            kinds.append([cpu])
    return [*kinds, list(cores)]
