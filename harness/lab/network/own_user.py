"""Gives an ordinary user the right to make network namespaces, by a user namespace in which this process is root."""

import ctypes
import os
import re
import sys
from contextlib import suppress
from pathlib import Path

from harness.lab.kernelfiles import read
from harness.lab.network.host_values import copy_values, network_values
from harness.lab.network.loopback import bring_up
from harness.lab.network.netns import CLONE_NEWNET
from harness.lab.output import read_output
from harness.start import module_command

CLONE_NEWUSER = 0x10000000
CAP_SYS_ADMIN = 21
PROBE_S = 20.0
PROBE_COMMAND = (sys.executable, *module_command("harness.lab.network.own_user"))


def may_make_networks(proc: Path = Path("/proc")) -> bool:
    """Return whether this process may make network namespaces as it is."""
    match = re.search(r"^CapEff:\s+([0-9a-f]+)", read(proc / "self/status") or "", re.MULTILINE)
    return bool(match and int(match[1], 16) >> CAP_SYS_ADMIN & 1)


def can_gain_rights() -> bool:
    """Return whether this process may make network namespaces, now or after `gain_rights`; another process tries it."""
    return may_make_networks() or _probe_succeeds()


def _probe_succeeds() -> bool:
    try:
        return read_output(PROBE_COMMAND, PROBE_S).code == 0
    except TimeoutError:
        return False


def gain_rights() -> None:
    """Enter a user namespace and a network like the host's, the only place from which others can be entered and left.

    Does nothing where nothing is gained or where the kernel refuses. User, group and the rights to everything outside
    stay the same; programs that this process starts get none of the new rights. The kernel wants a process of one
    thread.
    """
    if may_make_networks():
        return
    user, group, values = os.geteuid(), os.getegid(), network_values()
    if ctypes.CDLL(None).unshare(CLONE_NEWUSER | CLONE_NEWNET):
        return
    with suppress(OSError):  # the namespace came without rights: what needs them reports it
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        bring_up()
        copy_values(values)


if __name__ == "__main__":
    gain_rights()
    sys.exit(not may_make_networks())
