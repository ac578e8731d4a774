"""Detects whether this is a virtual machine, a container or the bare machine, with the signs for it."""

from collections.abc import Iterator
from typing import Any

from harness.evidence.cpus import cpuinfo
from harness.lab.kernelfiles import HERE, Roots, read

# Words in hypervisors' names of machines, clocks and device trees; the first match counts.
_HYPERVISORS = {
    "kvm": "kvm",
    "qemu": "kvm",
    "firecracker": "kvm",
    "google compute": "kvm",
    "amazon ec2": "kvm",
    "openstack": "kvm",
    "vmware": "vmware",
    "virtualbox": "virtualbox",
    "innotek": "virtualbox",
    "xen": "xen",
    "hyperv": "hyper-v",
    "microsoft corporation": "hyper-v",
    "parallels": "parallels",
    "apple virtualization": "apple",
    "bochs": "bochs",
}
_RUNTIMES = ("kubepods", "docker", "libpod", "containerd", "crio", "lxc", "garden", "systemd-nspawn")
_FIRMWARE_FILES = ("sys_vendor", "product_name", "product_version", "bios_vendor")


def virtual_facts(roots: Roots = HERE) -> dict[str, Any]:
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
    flags = {flag for cpu in cpuinfo(roots.proc) for flag in cpu.get("flags", "").split()}
    if "hypervisor" in flags:
        yield "unknown", "CPU flag hypervisor"
    # Clouds rent bare machines under the same name. On x86 the flag distinguishes them; aarch64 has no flags.
    firmware = _firmware_text(roots)
    if "hypervisor" in flags or (not flags and ".metal" not in firmware):
        yield from _hypervisor_sign(firmware, "firmware")
    if kind := read(roots.sys / "hypervisor/type"):
        yield kind, "/sys/hypervisor/type"
    yield from _hypervisor_sign(read(roots.proc / "device-tree/hypervisor/compatible") or "", "device tree")
    clocks = roots.sys / "devices/system/clocksource/clocksource0/available_clocksource"
    yield from _hypervisor_sign(read(clocks) or "", "clock source")
    if "microsoft" in (read(roots.proc / "sys/kernel/osrelease") or "").lower():
        yield "wsl", "kernel release"


def _firmware_text(roots: Roots) -> str:
    directory = roots.sys / "class/dmi/id"
    return " ".join(read(directory / name) or "" for name in _FIRMWARE_FILES)


def _hypervisor_sign(text: str, source: str) -> Iterator[tuple[str, str]]:
    word = next((word for word in _HYPERVISORS if word in text.lower()), None)
    if word:
        yield _HYPERVISORS[word], f"{source} names {word}"


def _container_signs(roots: Roots) -> Iterator[tuple[str, str]]:
    """Yield (runtime, sign)."""
    if runtime := read(roots.top / "run/systemd/container"):
        yield runtime, "/run/systemd/container"
    for name, runtime in {".dockerenv": "docker", "run/.containerenv": "podman"}.items():
        if (roots.top / name).exists():
            yield runtime, f"/{name}"
    init_cgroup = read(roots.proc / "1/cgroup") or ""
    for runtime in _RUNTIMES:
        if runtime in init_cgroup:
            yield runtime, "cgroup of process 1"
