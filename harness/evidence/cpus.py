"""Reads the CPUs: models, topology, frequencies, idle states, mitigations."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.lab.kernelfiles import HERE, Roots, format_cpus, parse_cpus, read, read_named
from harness.lab.topology import read_topology

_POLICY_FILES = (
    "scaling_driver",
    "scaling_governor",
    "scaling_min_freq",
    "scaling_max_freq",
    "cpuinfo_min_freq",
    "cpuinfo_max_freq",
    "base_frequency",
    "energy_performance_preference",
)
_SETTING_FILES = (
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
# aarch64 has no model name: implementer and part identify the core there.
_MODEL_FIELDS = ("vendor_id", "model name", "microcode", "CPU implementer", "CPU part", "CPU variant", "CPU revision")


def cpu_facts(roots: Roots = HERE) -> dict[str, Any]:
    """Return models, topology, frequency policies (kHz), SMT, idle states and mitigations."""
    cpus = roots.sys / "devices/system/cpu"
    topology = read_topology(roots.sys, _allowed_cpus(roots.proc))
    return {
        "models": _cpu_models(roots.proc),
        "online": format_cpus(topology.online),
        "allowed": format_cpus(topology.numbers),
        "topology": [asdict(cpu) for cpu in topology.cpus],
        "frequency": _frequency_policies(cpus / "cpufreq"),
        "settings": read_named(cpus, _SETTING_FILES),
        "halt_poll": read_named(roots.sys / "module/haltpoll/parameters", ["guest_halt_poll_ns"]),
        "mitigations": read_named(
            cpus / "vulnerabilities", (path.name for path in sorted(cpus.glob("vulnerabilities/*")))
        ),
    }


def cpuinfo(proc: Path) -> list[dict[str, str]]:
    """Return the fields of each CPU of /proc/cpuinfo."""
    blocks = (read(proc / "cpuinfo") or "").split("\n\n")
    return [_fields(block) for block in blocks if "processor" in block]


def _fields(block: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in block.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _allowed_cpus(proc: Path) -> tuple[int, ...] | None:
    fields = _fields(read(proc / "self/status") or "")
    return parse_cpus(fields.get("Cpus_allowed_list", "")) or None


def _cpu_models(proc: Path) -> list[dict[str, str]]:
    """Return the distinct models; hybrid CPUs have more than one."""
    return _distinct({key: cpu[key] for key in _MODEL_FIELDS if key in cpu} for cpu in cpuinfo(proc))


def _frequency_policies(cpufreq: Path) -> list[dict[str, str]]:
    """Return the distinct frequency policies, each with its `cpus`."""
    members: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for policy in sorted(cpufreq.glob("policy*")):
        settings = tuple(read_named(policy, _POLICY_FILES).items())
        related = parse_cpus((read(policy / "related_cpus") or "").replace(" ", ","))
        members.setdefault(settings, []).extend(related)
    return [{"cpus": format_cpus(cpus), **dict(settings)} for settings, cpus in members.items()]


def _distinct(entries: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    return [dict(items) for items in dict.fromkeys(tuple(entry.items()) for entry in entries)]
