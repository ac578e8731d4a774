"""Tells which runs are of one host: by the name that the user gave, by its machine id, its boot, or its hardware."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os.path import commonpath
from pathlib import Path
from typing import Any

from harness.model.record import HostFacts

GIBIBYTE = 2**30
NAME_THEM = "NAME=DIR gives a host its name."

Key = tuple[str, object]  # what kind of key it is, and the key


@dataclass(frozen=True, slots=True)
class RunOrigin:
    """Where a run comes from: its directory, the facts of its host, and the host's name if the user gave one."""

    directory: str
    facts: HostFacts | Mapping[str, Any]
    name: str = ""


@dataclass(slots=True)
class Host:
    """A host and the places of its runs; `is_guess`: only its hardware tells that these runs are of one host."""

    name: str
    runs: list[int] = field(default_factory=list)
    keys: set[Key] = field(default_factory=set)
    is_guess: bool = False


def group_by_host(origins: Sequence[RunOrigin]) -> tuple[list[Host], list[str]]:
    """Return the hosts in the order of their first runs, and a sentence for each run whose host cannot be told.

    Runs with the same name, or else the same hash of machine id or boot id, are of one host. A run without a machine id
    (of a container, or of an earlier version) is of the host with the same hardware: two hosts must not be made of one.
    """
    hosts: list[Host] = []
    problems: list[str] = []
    for place, origin in enumerate(origins):
        if keys := _certain_keys(origin):
            _add(hosts, place, keys)
    for place, origin in enumerate(origins):
        if not _is_certain(origin):
            problems += _add_by_hardware(hosts, place, origins)
    for host in hosts:
        host.runs.sort()
    hosts = sorted((host for host in hosts if host.runs), key=lambda host: host.runs[0])
    for host, name in zip(hosts, _names(hosts, origins), strict=True):
        host.name = name
    return hosts, problems


def _is_certain(origin: RunOrigin) -> bool:
    return bool(origin.name or origin.facts.get("identity", {}).get("machine"))


def _certain_keys(origin: RunOrigin) -> set[Key]:
    """Return what only this host has; empty for a run whose hardware must tell."""
    if origin.name:
        return {("name", origin.name)}
    if not _is_certain(origin):
        return set()
    identity = origin.facts["identity"]
    return {("machine", identity["machine"]), *_boot_keys(origin)}


def _boot_keys(origin: RunOrigin) -> set[Key]:
    boot = origin.facts.get("identity", {}).get("boot")
    return {("boot", boot)} if boot else set()


def _add(hosts: list[Host], place: int, keys: set[Key]) -> Host:
    """Add a run to the host with one of its `keys`, or to a new host. Hosts that it connects become one."""
    same = [host for host in hosts if host.keys & keys]
    host = same[0] if same else Host("")
    if not same:
        hosts.append(host)
    for other in same[1:]:
        host.runs += other.runs
        host.keys |= other.keys
        hosts.remove(other)
    host.runs.append(place)
    host.keys |= keys
    return host


def _add_by_hardware(hosts: list[Host], place: int, origins: Sequence[RunOrigin]) -> Iterator[str]:
    """Add a run without a machine id to the host of its boot or its hardware; yield a sentence if that cannot tell."""
    origin = origins[place]
    boot = _boot_keys(origin)
    if any(host.keys & boot for host in hosts):
        _add(hosts, place, boot)
        return
    hardware = _hardware(origin.facts)
    if hardware is None:
        yield f"{origin.directory} does not tell which host it is from: its host.json has no facts. {NAME_THEM}"
        return
    alike = [host for host in hosts if any(_hardware(origins[run].facts) == hardware for run in host.runs)]
    if len(alike) > 1:
        yield (
            f"{origin.directory} does not tell which host it is from: it has no machine id, and {len(alike)} hosts "
            f"have the same hardware. {NAME_THEM}"
        )
        return
    host = _add(hosts, place, {*boot, ("hardware", hardware), *(alike[0].keys if alike else ())})
    host.is_guess = True


def _hardware(facts: HostFacts | Mapping[str, Any]) -> tuple[object, ...] | None:
    """Return what identical machines share, and what no other kernel changes; None without facts."""
    cpus = facts.get("cpus", {})
    if not cpus:
        return None
    models = tuple(model.get("model name") or model.get("CPU part") for model in cpus.get("models") or ())
    memory = facts.get("memory", {}).get("total_bytes") or 0
    return models, cpus.get("online"), facts.get("virtual", {}).get("machine"), round(memory / GIBIBYTE)


def _names(hosts: Sequence[Host], origins: Sequence[RunOrigin]) -> list[str]:
    """Return the name that the user gave, or the beginning of the first directory that no other host has."""
    firsts = [Path(origins[host.runs[0]].directory).absolute() for host in hosts]
    above = Path(commonpath([path.parent for path in firsts])) if firsts else Path()
    parts = [path.relative_to(above).parts for path in firsts]
    return [
        origins[host.runs[0]].name or _shortest_name(own, [other for other in parts if other is not own])
        for host, own in zip(hosts, parts, strict=True)
    ]


def _shortest_name(own: Sequence[str], others: Sequence[Sequence[str]]) -> str:
    lengths = (length for length in range(1, len(own)) if all(other[:length] != own[:length] for other in others))
    return "/".join(own[: next(lengths, len(own))])
