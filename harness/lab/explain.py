"""Puts a placement into words: who runs where, and what their CPUs have in common."""

from collections.abc import Iterable, Mapping, Sequence

from harness.lab.kernelfiles import format_cpus
from harness.lab.topology import UNKNOWN, Cpu, Topology

_CALLED = {"nginx": "nginx", "app": "the app", "client": "the client"}


def explain(cpus: Mapping[str, Sequence[int]], topology: Topology) -> str:
    """One sentence about `cpus`: role -> CPU numbers."""
    used = {number for numbers in cpus.values() for number in numbers}
    members = [cpu for cpu in topology.every if cpu.number in used]
    remarks = [_nearness(members), *_unlike(members), *_isolated(used, topology), *_zero(used, topology)]
    return f"{_who(cpus)}: {'; '.join(remarks)}."


def _who(cpus: Mapping[str, Sequence[int]]) -> str:
    """Roles that have the same CPUs are named together."""
    together: dict[tuple[int, ...], list[str]] = {}
    for role, called in _CALLED.items():
        together.setdefault(tuple(cpus[role]), []).append(called)
    return ", ".join(f"{_listed(roles)} on {_named(numbers)}" for numbers, roles in together.items())


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _named(numbers: Iterable[int]) -> str:
    text = format_cpus(numbers)
    return f"CPU {text}" if text.isdigit() else f"CPUs {text}"


def _nearness(members: Sequence[Cpu]) -> str:
    if len(members) == 1:
        return "one CPU for everybody"
    cores = len({cpu.core for cpu in members})
    if cores == 1:
        return "threads of one core"
    kind = "separate cores" if cores == len(members) else f"threads of {cores} cores"
    return f"{kind} {_common(members)}"


def _common(members: Sequence[Cpu]) -> str:
    """The nearest thing that all have in common."""
    if len({cpu.package for cpu in members}) > 1:
        return "in several sockets"
    if len({cpu.node for cpu in members}) > 1:
        return "in several NUMA nodes"
    if members[0].llc == UNKNOWN:
        return "whose caches are not known"
    if len({cpu.llc for cpu in members}) > 1:
        return "without a common cache"
    return "with a common last-level cache"


def _unlike(members: Sequence[Cpu]) -> list[str]:
    fastest = max(members, key=lambda cpu: cpu.speed)
    return [] if all(map(fastest.is_like, members)) else ["not all of the same speed"]


def _isolated(used: set[int], topology: Topology) -> list[str]:
    alone = used & topology.isolated
    return [f"isolated from other processes: {_named(alone)}"] if alone else []


def _zero(used: set[int], topology: Topology) -> list[str]:
    spare = 0 in topology.numbers and 0 not in used
    return ["CPU 0 is left to interrupts"] if spare else []
