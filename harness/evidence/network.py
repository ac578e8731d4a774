"""Reads what packets may pass through: interfaces, bridges, netfilter."""

from pathlib import Path
from typing import Any

from harness.lab.kernelfiles import HERE, Roots, read, read_int

# Paths that exist when a part of the kernel is present: a module's directory or, when built in, its files in /proc.
_NETWORK_MODULES = {
    "nf_conntrack": ("sys/module/nf_conntrack", "proc/sys/net/netfilter/nf_conntrack_max"),
    "nf_tables": ("sys/module/nf_tables",),
    "ip_tables": ("sys/module/ip_tables", "proc/net/ip_tables_names"),
    "br_netfilter": ("sys/module/br_netfilter", "proc/sys/net/bridge"),
    "overlay": ("sys/module/overlay",),
}


def network_facts(roots: Roots = HERE) -> dict[str, Any]:
    """Return the interfaces of our network namespace (no addresses), and the loaded modules that containers need.

    `conntrack_entries` above zero means that connections here are tracked, which slows down TCP only.
    """
    directory = roots.sys / "class/net"
    return {
        "interfaces": {path.name: _interface(path) for path in sorted(directory.glob("*/"))},
        "loaded": [
            module for module, paths in _NETWORK_MODULES.items() if any((roots.top / path).exists() for path in paths)
        ],
        "conntrack_entries": read_int(roots.proc / "sys/net/netfilter/nf_conntrack_count"),
    }


def _interface(path: Path) -> dict[str, Any]:
    return {
        "kind": _interface_kind(path),
        "mtu": read_int(path / "mtu"),
        "state": read(path / "operstate"),
        "rps_cpus": read(path / "queues/rx-0/rps_cpus"),
    }


def _interface_kind(path: Path) -> str:
    if path.name == "lo":
        return "loopback"
    if (path / "bridge").exists():
        return "bridge"
    if (path / "device").exists():
        return "device"
    is_pair = read_int(path / "iflink") != read_int(path / "ifindex") and not any(path.glob("lower_*"))
    return "veth" if is_pair else "virtual"
