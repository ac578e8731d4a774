"""Reads which CPUs this process may use, and which of them share a core, a cache, a node, a speed."""

import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from harness.testbed.machine.procfs import parse_cpus, read_int, read_text

UNKNOWN = -1

# Turbo raises single cores by up to a tenth; kinds of cores (P and E, big and LITTLE) differ by more.
MIN_SPEED_RATIO = 0.85


@dataclass(frozen=True, slots=True)
class Cpu:
    """A logical CPU. `core` and `llc` are the lowest CPU of its core and of its last-level cache."""

    number: int
    core: int
    package: int = UNKNOWN
    node: int = UNKNOWN
    llc: int = UNKNOWN
    siblings: tuple[int, ...] = ()  # every thread of the core, allowed or not
    speed: float = 1.0  # relative to the fastest CPU

    @property
    def home(self) -> tuple[int, int, int]:
        """The package, the node and the cache: the longer the common prefix of two CPUs, the nearer they are."""
        return (self.package, self.node, self.llc)

    def is_equal_speed(self, slower: "Cpu") -> bool:
        """Return whether `slower` has nearly this CPU's speed."""
        return slower.speed >= MIN_SPEED_RATIO * self.speed


@dataclass(frozen=True, slots=True)
class Topology:
    """The online CPUs of a machine: `cpus` are those that are allowed, in order of their numbers; `online` are all.

    A placement may also name CPUs in `outside_affinity`: taskset and isolcpus= narrow only the affinity mask, while a
    cpuset is a limit. CPUs in `present` can be set online.
    """

    cpus: tuple[Cpu, ...]
    online: frozenset[int]
    outside_affinity: tuple[Cpu, ...] = ()
    isolated: frozenset[int] = frozenset()
    present: frozenset[int] = frozenset()

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the allowed CPUs."""
        return tuple(cpu.number for cpu in self.cpus)

    @property
    def all_cpus(self) -> tuple[Cpu, ...]:
        """All CPUs that a placement given by the user may name."""
        return tuple(sorted((*self.cpus, *self.outside_affinity), key=lambda cpu: cpu.number))

    @property
    def reachable(self) -> tuple[int, ...]:
        """The numbers of the CPUs that a placement given by the user may name."""
        return tuple(cpu.number for cpu in self.all_cpus)


def read_topology(
    sys: Path = Path("/sys"), allowed: Collection[int] | None = None, reachable: Collection[int] | None = None
) -> Topology:
    """Read the CPUs that are online and `allowed` (None: our own affinity, which respects cpusets).

    `reachable` are those of our cpuset (None: ask the kernel, or where `allowed` is given, no others). Where a file is
    missing (containers, virtual machines, aarch64), its part stays UNKNOWN or takes the simplest value: a core of one
    thread, equal speed.
    """
    devices = sys / "devices/system"
    own = frozenset(psutil.Process().cpu_affinity() or () if allowed is None else allowed)
    online = frozenset(parse_cpus(read_text(devices / "cpu/online") or "")) or own
    usable = (cpus_of_cpuset(online) if allowed is None else own) if reachable is None else reachable
    numbers = sorted(online & (own | frozenset(usable)))
    lists = {int(node.name[4:]): read_text(node / "cpulist") or "" for node in devices.glob("node/node[0-9]*")}
    nodes = {cpu: node for node, text in lists.items() for cpu in parse_cpus(text)}
    speeds = _speed_of_cpus(devices / "cpu", numbers)
    cpus = [_cpu(devices / f"cpu/cpu{number}", number, nodes, speeds) for number in numbers]
    return Topology(
        cpus=tuple(cpu for cpu in cpus if cpu.number in own),
        online=online,
        outside_affinity=tuple(cpu for cpu in cpus if cpu.number not in own),
        isolated=frozenset(parse_cpus(read_text(devices / "cpu/isolated") or "")),
        present=frozenset(parse_cpus(read_text(devices / "cpu/present") or "")),
    )


def cpus_of_cpuset(online: Collection[int]) -> frozenset[int]:
    """Return the CPUs of this thread's cpuset: try to run on all `online` CPUs, then restore the affinity."""
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, online)
        return frozenset(os.sched_getaffinity(0))
    except OSError:  # a system call filter: only the present affinity is known
        return frozenset(before)
    finally:
        with suppress(OSError):
            os.sched_setaffinity(0, before)


def _cpu(directory: Path, number: int, nodes: Mapping[int, int], speeds: Mapping[int, float]) -> Cpu:
    topology = directory / "topology"  # core_cpus_list is the name since Linux 5.3
    threads = read_text(topology / "core_cpus_list") or read_text(topology / "thread_siblings_list") or ""
    siblings = parse_cpus(threads) or (number,)
    package = read_int(topology / "physical_package_id")
    return Cpu(
        number,
        core=siblings[0],
        package=UNKNOWN if package is None else package,
        node=nodes.get(number, UNKNOWN),
        llc=_last_level_cache(directory / "cache"),
        siblings=siblings,
        speed=speeds[number],
    )


def _last_level_cache(cache: Path) -> int:
    """Return the lowest CPU that shares the cache of the highest level."""
    levels = [(read_int(index / "level") or 0, index) for index in sorted(cache.glob("index*"))]
    if not levels:
        return UNKNOWN
    _, last = max(levels)
    return next(iter(parse_cpus(read_text(last / "shared_cpu_list") or "")), UNKNOWN)


def _speed_of_cpus(directory: Path, numbers: Collection[int]) -> dict[int, float]:
    """Return the speed of each CPU relative to the fastest.

    Neither source suffices alone: x86 kernels give hybrid cores the same capacity while SMT is on, and big and LITTLE
    cores of one frequency differ only in capacity. Take the lower of the two.
    """
    capacities = _relative({n: read_int(directory / f"cpu{n}/cpu_capacity") for n in numbers})
    limits = _relative({n: read_int(directory / f"cpu{n}/cpufreq/cpuinfo_max_freq") for n in numbers})
    return {number: min(capacities[number], limits[number]) for number in numbers}


def _relative(values: Mapping[int, int | None]) -> dict[int, float]:
    fastest = max((value or 0 for value in values.values()), default=0)
    return {number: value / fastest if value else 1.0 for number, value in values.items()}
