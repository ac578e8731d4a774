"""Copies the host's network values into a new namespace, without root too."""

import ctypes
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from harness.start import module_command
from harness.testbed.machine.procfs import read_text
from harness.testbed.network.namespace import CLONE_NEWNET, bring_up_loopback
from harness.testbed.processes.output import read_output

NET_SYSCTLS = Path("/proc/sys/net")
# Some values change others (ip_forward, conf/all), so a right value may have to be written again.
MAX_PASSES = 2
# Secrets, counters, and sizes whose sign depends on the namespace.
NOT_COPIED = (
    "flush", "nf_conntrack_count", "stable_secret", "tcp_ehash_entries", "tcp_fastopen_key", "udp_hash_entries",
)  # fmt: skip

SysctlValues = dict[str, str]
CLONE_NEWUSER = 0x10000000
CAP_SYS_ADMIN = 21
PROBE_S = 20.0
PROBE_COMMAND = (sys.executable, *module_command("harness.testbed.network.sysctl_copy"))


def read_network_values(root: Path = NET_SYSCTLS) -> SysctlValues:
    """Return every readable sysctl below net of this thread's network, by name ("net.ipv4.tcp_sack")."""
    texts = {name: read_text(path) for name, path in _sysctl_files(root)}
    return {name: " ".join(text.split()) for name, text in texts.items() if text is not None}


def copy_network_values(wanted: Mapping[str, str]) -> SysctlValues:
    """Write what differs from `wanted` to this thread's network; return what still differs, with its present value."""
    different = _differences(wanted)
    for _ in range(MAX_PASSES):
        paths = dict(_sysctl_files(NET_SYSCTLS)) if different else {}
        for name in different:
            with suppress(OSError):  # it is reported as different afterwards
                paths[name].write_text(wanted[name])
        different = _differences(wanted) if different else {}
    return different


def _differences(wanted: Mapping[str, str]) -> SysctlValues:
    present = read_network_values()
    return {name: present[name] for name in wanted if name in present and present[name] != wanted[name]}


def _sysctl_files(root: Path) -> Iterator[tuple[str, Path]]:
    for directory, _, names in os.walk(root):
        relative = Path(directory).relative_to(root).parts
        for name in names:
            if name not in NOT_COPIED:
                yield ".".join(("net", *relative, name)), Path(directory, name)


def may_make_networks() -> bool:
    """Return whether this process may make network namespaces as it is."""
    match = re.search(r"^CapEff:\s+([0-9a-f]+)", read_text(Path("/proc/self/status")) or "", re.MULTILINE)
    return bool(match and int(match[1], 16) >> CAP_SYS_ADMIN & 1)


def can_gain_network_rights() -> bool:
    """Return whether this process may make network namespaces, now or after `gain_network_rights`; a child tries."""
    if may_make_networks():
        return True
    try:
        return read_output(PROBE_COMMAND, PROBE_S).code == 0
    except TimeoutError:
        return False


def gain_network_rights() -> None:
    """Enter a user namespace and a network like the host's. Only from there can this process enter and leave others.

    Does nothing if there is nothing to gain or if the kernel refuses. User, group and the rights to everything outside
    stay the same; programs that this process starts get none of the new rights. The kernel wants a process of one
    thread.
    """
    if may_make_networks():
        return
    user, group, values = os.geteuid(), os.getegid(), read_network_values()
    if ctypes.CDLL(None).unshare(CLONE_NEWUSER | CLONE_NEWNET):
        return
    with suppress(OSError):  # the namespace came without rights: what needs them reports it
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        bring_up_loopback()
        copy_network_values(values)


if __name__ == "__main__":
    gain_network_rights()
    sys.exit(not may_make_networks())
