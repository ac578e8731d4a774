"""Guesses whether this is a virtual machine, a container or the bare machine, and says from what."""

from collections.abc import Iterator
from typing import Any

from harness.evidence.cpus import cpuinfo
from harness.lab.kernelfiles import HERE, Roots, read

# Words in the names that hypervisors give their machines, clocks and trees, first match first.
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
_FIRMWARE = ("sys_vendor", "product_name", "product_version", "bios_vendor")


def virtual_facts(roots: Roots = HERE) -> dict[str, Any]:
    """`machine`: the hypervisor, "unknown" or None for bare; `container`: the runtime or None; `signs`: why."""
    machine, container = list(_machine_signs(roots)), list(_container_signs(roots))
    return {
        "machine": _name(machine),
        "container": _name(container),
        "signs": [sign for _, sign in machine + container],
    }


def _name(signs: list[tuple[str, str]]) -> str | None:
    """The first name that is known; "unknown" when there are only signs without one."""
    names = [name for name, _ in signs]
    return next((name for name in names if name != "unknown"), "unknown" if names else None)


def _machine_signs(roots: Roots) -> Iterator[tuple[str, str]]:
    """(hypervisor, where it shows)."""
    flags = {flag for cpu in cpuinfo(roots.proc) for flag in cpu.get("flags", "").split()}
    if "hypervisor" in flags:
        yield "unknown", "CPU flag hypervisor"
    # Clouds rent bare machines under their name too. x86 tells them apart by the flag, aarch64 has no flags.
    firmware = _firmware(roots)
    if "hypervisor" in flags or (not flags and ".metal" not in firmware):
        yield from _named(firmware, "firmware")
    if kind := read(roots.sys / "hypervisor/type"):
        yield kind, "/sys/hypervisor/type"
    yield from _named(read(roots.proc / "device-tree/hypervisor/compatible") or "", "device tree")
    clocks = roots.sys / "devices/system/clocksource/clocksource0/available_clocksource"
    yield from _named(read(clocks) or "", "clock source")
    if "microsoft" in (read(roots.proc / "sys/kernel/osrelease") or "").lower():
        yield "wsl", "kernel release"


def _firmware(roots: Roots) -> str:
    directory = roots.sys / "class/dmi/id"
    return " ".join(read(directory / name) or "" for name in _FIRMWARE)


def _named(text: str, where: str) -> Iterator[tuple[str, str]]:
    found = next((word for word in _HYPERVISORS if word in text.lower()), None)
    if found:
        yield _HYPERVISORS[found], f"{where} names {found}"


def _container_signs(roots: Roots) -> Iterator[tuple[str, str]]:
    """(runtime, where it shows)."""
    if runtime := read(roots.top / "run/systemd/container"):
        yield runtime, "/run/systemd/container"
    for name, runtime in {".dockerenv": "docker", "run/.containerenv": "podman"}.items():
        if (roots.top / name).exists():
            yield runtime, f"/{name}"
    first = read(roots.proc / "1/cgroup") or ""
    for runtime in _RUNTIMES:
        if runtime in first:
            yield runtime, "cgroup of process 1"
