"""Decides who runs on which CPUs, and says why."""

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
    """`cpus`: role -> its CPUs; `reason`: who runs where and why, one or two sentences."""

    cpus: Mapping[str, Cpus]
    reason: str


def place(wanted: Wanted | CpuLists, topology: Topology, app_workers: int) -> Placement:
    """The CPUs of each role.

    split    nginx and the app on disjoint CPUs; the client on another, or else beside nginx
    shared   nginx and the app on the union of what split gives them
    same-cpu everybody on the CPU that split gives the app
    auto     split, and shared where there is one CPU only
    none     everybody everywhere
    CpuLists as given

    MachineError: split on one CPU, or CPUs given that cannot be had.
    """
    if isinstance(wanted, CpuLists):
        return _given(wanted, topology)
    if wanted == "none":
        everywhere = format_cpus(topology.numbers)
        reason = f"Nobody is pinned: the scheduler chooses among the allowed CPUs ({everywhere})."
        return Placement(dict.fromkeys(ROLES, topology.numbers), reason)
    cpus = _pinned(wanted, topology, app_workers)
    return Placement(cpus, explain(cpus, topology))


def _pinned(wanted: Wanted, topology: Topology, app_workers: int) -> dict[str, Cpus]:
    if len(topology.cpus) == 1 and wanted != "split":
        return dict.fromkeys(ROLES, topology.numbers)
    split = _split(topology, app_workers)
    if wanted == "same-cpu":
        return dict.fromkeys(ROLES, split["app"][:1])
    return _shared(split) if wanted == "shared" else split


def _given(lists: CpuLists, topology: Topology) -> Placement:
    cpus = {role: tuple(sorted(set(getattr(lists, role)))) for role in ROLES}
    raise_all(
        (
            f"The placement gives {role} CPU {number}, which {_obstacle(number, topology)}. "
            f"Choose among the CPUs {format_cpus(topology.reachable)}."
            for role, numbers in cpus.items()
            for number in numbers
            if number not in topology.reachable
        ),
        MachineError,
    )
    return Placement(cpus, f"As the experiment asks: {explain(cpus, topology)}")


def _obstacle(number: int, topology: Topology) -> str:
    if number in topology.online:
        return "this process may not use (its cpuset leaves it out)"
    if number in topology.present:
        return f"is offline (root may change that: echo 1 > /sys/devices/system/cpu/cpu{number}/online)"
    return "does not exist" if topology.present else "is offline or does not exist"


def _split(topology: Topology, app_workers: int) -> dict[str, Cpus]:
    if len(topology.cpus) < 2:
        raise MachineError(
            'placement = "split" needs two CPUs, one for nginx and one for the app, but only CPU '
            f'{format_cpus(topology.numbers)} is allowed here. Set placement = "shared", or allow more CPUs.'
        )
    nginx, *others = _near_cores(topology, app_workers + 2)
    app = others[: max(1, min(app_workers, len(others) - 1))]
    beside_nginx = [cpu for cpu in topology.cpus if cpu.core == nginx.core and cpu not in (nginx, *app)]
    client, *_ = [*others[len(app) :], *beside_nginx, nginx]
    return {"client": _numbers([client]), "nginx": _numbers([nginx]), "app": _numbers(app)}


def _shared(split: Mapping[str, Cpus]) -> dict[str, Cpus]:
    both = tuple(sorted({*split["nginx"], *split["app"]}))
    alone = not set(split["client"]) & set(both)
    return {"client": split["client"] if alone else both, "nginx": both, "app": both}


def _numbers(cpus: Sequence[Cpu]) -> Cpus:
    return tuple(sorted(cpu.number for cpu in cpus))


def _near_cores(topology: Topology, count: int) -> list[Cpu]:
    """One CPU each of the `count` cores (or all there are) that suit best, CPU 0's core last.

    A machine of one core gives its threads instead.
    """
    cores = _cores(topology)
    if len(cores) == 1:
        return sorted(topology.cpus, key=_rank)
    count = min(count, len(cores))
    return next(group[:count] for group in _neighbourhoods(cores) if len(group) >= count)


def _cores(topology: Topology) -> list[Cpu]:
    """One CPU of each core; CPU 0 only where it is the only one."""
    first: dict[int, Cpu] = {}
    for cpu in sorted(topology.cpus, key=_rank):
        first.setdefault(cpu.core, cpu)
    return list(first.values())


def _rank(cpu: Cpu) -> tuple[object, ...]:
    """CPU 0 takes most interrupts, so it and its sibling come last; neighbours stand together."""
    return (cpu.core == 0, cpu.number == 0, cpu.home, cpu.number)


def _neighbourhoods(cores: Sequence[Cpu]) -> Iterator[list[Cpu]]:
    """Ever larger groups: like cores before mixed ones, then the nearest, then those without CPU 0."""
    for kind, nearness, without_zero in product(_kinds(cores), (3, 2, 1, 0), (True, False)):
        yield from _groups([cpu for cpu in kind if not (without_zero and cpu.core == 0)], nearness)


def _groups(cpus: Sequence[Cpu], nearness: int) -> Iterator[list[Cpu]]:
    def home(cpu: Cpu) -> tuple[int, ...]:
        return cpu.home[:nearness]

    ordered = sorted(cpus, key=lambda cpu: (home(cpu), _rank(cpu)))
    return (list(group) for _, group in groupby(ordered, home))


def _kinds(cores: Sequence[Cpu]) -> list[list[Cpu]]:
    """Cores of like speed, the fastest kind first; at the end all of them."""
    kinds: list[list[Cpu]] = []
    for cpu in sorted(cores, key=lambda cpu: -cpu.speed):
        if kinds and kinds[-1][0].is_like(cpu):
            kinds[-1].append(cpu)
        else:
            kinds.append([cpu])
    return [*kinds, list(cores)]
