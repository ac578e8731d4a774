"""Says what stands in the way of packets: interfaces, bridges, netfilter."""

from pathlib import Path
from typing import Any

from harness.lab.kernelfiles import HERE, Roots, read, read_int

# What shows that a part of the kernel is there: a module's directory or, when it is built in, what it puts into /proc.
_PARTS = {
    "nf_conntrack": ("sys/module/nf_conntrack", "proc/sys/net/netfilter/nf_conntrack_max"),
    "nf_tables": ("sys/module/nf_tables",),
    "ip_tables": ("sys/module/ip_tables", "proc/net/ip_tables_names"),
    "br_netfilter": ("sys/module/br_netfilter", "proc/sys/net/bridge"),
    "overlay": ("sys/module/overlay",),
}


def network_facts(roots: Roots = HERE) -> dict[str, Any]:
    """Interfaces of our network namespace (no addresses), and which parts that containers need are loaded.

    `conntrack_entries` above zero means that connections here are tracked, which costs TCP alone.
    """
    directory = roots.sys / "class/net"
    return {
        "interfaces": {path.name: _interface(path) for path in sorted(directory.glob("*/"))},
        "loaded": [part for part, signs in _PARTS.items() if any((roots.top / s).exists() for s in signs)],
        "conntrack_entries": read_int(roots.proc / "sys/net/netfilter/nf_conntrack_count"),
    }


def _interface(path: Path) -> dict[str, Any]:
    return {
        "kind": _kind(path),
        "mtu": read_int(path / "mtu"),
        "state": read(path / "operstate"),
        "rps_cpus": read(path / "queues/rx-0/rps_cpus"),
    }


def _kind(path: Path) -> str:
    if path.name == "lo":
        return "loopback"
    if (path / "bridge").exists():
        return "bridge"
    if (path / "device").exists():
        return "device"
    is_pair = read_int(path / "iflink") != read_int(path / "ifindex") and not any(path.glob("lower_*"))
    return "veth" if is_pair else "virtual"
