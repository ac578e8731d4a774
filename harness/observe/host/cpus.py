"""Facts of the CPUs: model, topology, frequency, virtualization."""

from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path

from harness.model.record import CpuFacts, VirtualFacts
from harness.testbed.machine.procfs import HOST_ROOTS, Roots, format_cpus, parse_cpus, read_text, read_texts
from harness.testbed.machine.topology import read_topology

_POLICY_FILES = (
    "scaling_driver", "scaling_governor", "scaling_min_freq", "scaling_max_freq", "cpuinfo_min_freq",
    "cpuinfo_max_freq", "base_frequency", "energy_performance_preference",
)  # fmt: skip
_SETTING_FILES = (
    "smt/control", "smt/active", "isolated", "nohz_full", "cpufreq/boost", "intel_pstate/status",
    "intel_pstate/no_turbo", "amd_pstate/status", "cpuidle/current_driver", "cpuidle/current_governor",
)  # fmt: skip
# aarch64 has no model name: implementer and part identify the core there.
_MODEL_FIELDS = ("vendor_id", "model name", "microcode", "CPU implementer", "CPU part", "CPU variant", "CPU revision")

# Words for hypervisors in the names of machines, clocks and device trees; the first match counts.
_HYPERVISORS = {
    "kvm": ("kvm", "qemu", "firecracker", "google compute", "amazon ec2", "openstack"),
    "vmware": ("vmware",),
    "virtualbox": ("virtualbox", "innotek"),
    "xen": ("xen",),
    "hyper-v": ("hyperv", "microsoft corporation"),
    "parallels": ("parallels",),
    "apple": ("apple virtualization",),
    "bochs": ("bochs",),
}
_RUNTIMES = ("kubepods", "docker", "libpod", "containerd", "crio", "lxc", "garden", "systemd-nspawn")
_FIRMWARE_FILES = ("sys_vendor", "product_name", "product_version", "bios_vendor")


def cpu_facts(roots: Roots = HOST_ROOTS) -> CpuFacts:
    """Return models, topology, frequency policies (kHz), SMT, idle states and mitigations."""
    cpus = roots.sys / "devices/system/cpu"
    allowed = parse_cpus(_fields(read_text(roots.proc / "self/status") or "").get("Cpus_allowed_list", ""))
    topology = read_topology(roots.sys, allowed or None)
    return {
        "models": _cpu_models(roots.proc),
        "online": format_cpus(topology.online),
        "allowed": format_cpus(topology.numbers),
        "topology": [asdict(cpu) for cpu in topology.cpus],
        "frequency": _frequency_policies(cpus / "cpufreq"),
        "settings": read_texts(cpus, _SETTING_FILES),
        "halt_poll": read_texts(roots.sys / "module/haltpoll/parameters", ["guest_halt_poll_ns"]),
        "mitigations": read_texts(
            cpus / "vulnerabilities", (path.name for path in sorted(cpus.glob("vulnerabilities/*")))
        ),
    }


def _read_cpuinfo(proc: Path) -> list[dict[str, str]]:
    """Return the fields of each CPU of /proc/cpuinfo."""
    blocks = (read_text(proc / "cpuinfo") or "").split("\n\n")
    return [_fields(block) for block in blocks if "processor" in block]


def _fields(block: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in block.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _cpu_models(proc: Path) -> list[dict[str, str]]:
    """Return the distinct models; hybrid CPUs have more than one."""
    models = (tuple((key, cpu[key]) for key in _MODEL_FIELDS if key in cpu) for cpu in _read_cpuinfo(proc))
    return [dict(model) for model in dict.fromkeys(models)]


def _frequency_policies(cpufreq: Path) -> list[dict[str, str]]:
    """Return the distinct frequency policies, each with its `cpus`."""
    members: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for policy in sorted(cpufreq.glob("policy*")):
        settings = tuple(read_texts(policy, _POLICY_FILES).items())
        related = parse_cpus((read_text(policy / "related_cpus") or "").replace(" ", ","))
        members.setdefault(settings, []).extend(related)
    return [{"cpus": format_cpus(cpus), **dict(settings)} for settings, cpus in members.items()]


def virtual_facts(roots: Roots = HOST_ROOTS) -> VirtualFacts:
    """Return `machine` (the hypervisor, "unknown", or None if bare), `container` (the runtime or None) and `signs`."""
    machine, container = list(_machine_signs(roots)), list(_container_signs(roots))
    return {
        "machine": _first_known(machine),
        "container": _first_known(container),
        "signs": [sign for _, sign in machine + container],
    }


def _first_known(signs: list[tuple[str, str]]) -> str | None:
    """Return the first known name; "unknown" where all signs are without one, None without signs."""
    names = [name for name, _ in signs]
    return next((name for name in names if name != "unknown"), "unknown" if names else None)


def _machine_signs(roots: Roots) -> Iterator[tuple[str, str]]:
    """Yield (hypervisor, sign)."""
    flags = {flag for cpu in _read_cpuinfo(roots.proc) for flag in cpu.get("flags", "").split()}
    if "hypervisor" in flags:
        yield "unknown", "CPU flag hypervisor"
    # Clouds rent bare machines under the same name. On x86 the flag distinguishes them; aarch64 has no flags.
    firmware = " ".join(read_text(roots.sys / "class/dmi/id" / name) or "" for name in _FIRMWARE_FILES)
    if "hypervisor" in flags or (not flags and ".metal" not in firmware):
        yield from _hypervisor_sign(firmware, "firmware")
    if kind := read_text(roots.sys / "hypervisor/type"):
        yield kind, "/sys/hypervisor/type"
    yield from _hypervisor_sign(read_text(roots.proc / "device-tree/hypervisor/compatible") or "", "device tree")
    clocks = roots.sys / "devices/system/clocksource/clocksource0/available_clocksource"
    yield from _hypervisor_sign(read_text(clocks) or "", "clock source")
    if "microsoft" in (read_text(roots.proc / "sys/kernel/osrelease") or "").lower():
        yield "wsl", "kernel release"


def _hypervisor_sign(text: str, source: str) -> Iterator[tuple[str, str]]:
    matches = ((name, word) for name, words in _HYPERVISORS.items() for word in words if word in text.lower())
    for name, word in islice(matches, 1):
        yield name, f"{source} names {word}"


def _container_signs(roots: Roots) -> Iterator[tuple[str, str]]:
    """Yield (runtime, sign)."""
    if runtime := read_text(roots.top / "run/systemd/container"):
        yield runtime, "/run/systemd/container"
    for name, runtime in {".dockerenv": "docker", "run/.containerenv": "podman"}.items():
        if (roots.top / name).exists():
            yield runtime, f"/{name}"
    init_cgroup = read_text(roots.proc / "1/cgroup") or ""
    for runtime in _RUNTIMES:
        if runtime in init_cgroup:
            yield runtime, "cgroup of process 1"
