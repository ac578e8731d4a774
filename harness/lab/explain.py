"""Describes a placement in words: which role runs where, and what the CPUs share."""

from collections.abc import Iterable, Mapping, Sequence

from harness.lab.kernelfiles import format_cpus
from harness.lab.topology import UNKNOWN, Cpu, Topology

_ROLE_NAMES = {"nginx": "nginx", "app": "the app", "client": "the client"}


def explain(cpus: Mapping[str, Sequence[int]], topology: Topology) -> str:
    """Return one sentence about `cpus`, which maps roles to CPU numbers."""
    used = {number for numbers in cpus.values() for number in numbers}
    members = [cpu for cpu in topology.every if cpu.number in used]
    remarks = [
        _nearness_text(members),
        *_speed_remarks(members),
        *_isolation_remarks(used, topology),
        *_cpu0_remarks(used, topology),
    ]
    return f"{_roles_text(cpus)}: {'; '.join(remarks)}."


def _roles_text(cpus: Mapping[str, Sequence[int]]) -> str:
    """Name each role's CPUs; roles with the same CPUs are named together."""
    together: dict[tuple[int, ...], list[str]] = {}
    for role, name in _ROLE_NAMES.items():
        together.setdefault(tuple(cpus[role]), []).append(name)
    return ", ".join(f"{_join_words(roles)} on {_cpus_text(numbers)}" for numbers, roles in together.items())


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


def _speed_remarks(members: Sequence[Cpu]) -> list[str]:
    fastest = max(members, key=lambda cpu: cpu.speed)
    return [] if all(map(fastest.is_like, members)) else ["not all of the same speed"]


def _isolation_remarks(used: set[int], topology: Topology) -> list[str]:
    isolated = used & topology.isolated
    return [f"isolated from other processes: {_cpus_text(isolated)}"] if isolated else []


def _cpu0_remarks(used: set[int], topology: Topology) -> list[str]:
    is_spare = 0 in topology.numbers and 0 not in used
    return ["CPU 0 is left to interrupts"] if is_spare else []
