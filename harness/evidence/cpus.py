"""Says what the CPUs are, how fast they may run and what may slow them."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.lab.kernelfiles import HERE, Roots, format_cpus, parse_cpus, read, read_named
from harness.lab.topology import read_topology

_POLICY = (
    "scaling_driver",
    "scaling_governor",
    "scaling_min_freq",
    "scaling_max_freq",
    "cpuinfo_min_freq",
    "cpuinfo_max_freq",
    "base_frequency",
    "energy_performance_preference",
)
_MACHINE = (
    "smt/control",
    "smt/active",
    "isolated",
    "nohz_full",
    "cpufreq/boost",
    "intel_pstate/status",
    "intel_pstate/no_turbo",
    "amd_pstate/status",
    "cpuidle/current_driver",
    "cpuidle/current_governor",
)
# aarch64 has no model name: implementer and part are what names the core there.
_MODEL = ("vendor_id", "model name", "microcode", "CPU implementer", "CPU part", "CPU variant", "CPU revision")


def cpu_facts(roots: Roots = HERE) -> dict[str, Any]:
    """Models, topology, frequency policies (kHz, as the kernel writes them), SMT, idle states, mitigations."""
    cpus = roots.sys / "devices/system/cpu"
    allowed = _allowed(roots.proc)
    topology = read_topology(roots.sys, allowed)
    return {
        "models": _models(roots.proc),
        "online": format_cpus(topology.online),
        "allowed": format_cpus(topology.numbers),
        "topology": [asdict(cpu) for cpu in topology.cpus],
        "frequency": _policies(cpus / "cpufreq"),
        "settings": read_named(cpus, _MACHINE),
        "halt_poll": read_named(roots.sys / "module/haltpoll/parameters", ["guest_halt_poll_ns"]),
        "mitigations": read_named(
            cpus / "vulnerabilities", (path.name for path in sorted(cpus.glob("vulnerabilities/*")))
        ),
    }


def cpuinfo(proc: Path) -> list[dict[str, str]]:
    """A dictionary for each CPU of /proc/cpuinfo."""
    blocks = (read(proc / "cpuinfo") or "").split("\n\n")
    return [_fields(block) for block in blocks if "processor" in block]


def _fields(block: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in block.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _allowed(proc: Path) -> tuple[int, ...] | None:
    fields = _fields(read(proc / "self/status") or "")
    return parse_cpus(fields.get("Cpus_allowed_list", "")) or None


def _models(proc: Path) -> list[dict[str, str]]:
    """The different models; more than one on a machine of unlike cores."""
    return _distinct({key: cpu[key] for key in _MODEL if key in cpu} for cpu in cpuinfo(proc))


def _policies(cpufreq: Path) -> list[dict[str, str]]:
    """Frequency policies that say the same are one entry, under `cpus`."""
    members: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for policy in sorted(cpufreq.glob("policy*")):
        settings = tuple(read_named(policy, _POLICY).items())
        related = parse_cpus((read(policy / "related_cpus") or "").replace(" ", ","))
        members.setdefault(settings, []).extend(related)
    return [{"cpus": format_cpus(cpus), **dict(settings)} for settings, cpus in members.items()]


def _distinct(entries: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    return [dict(items) for items in dict.fromkeys(tuple(entry.items()) for entry in entries)]
