"""An ordinary user may make network namespaces in a user namespace, in which this process is its own root."""

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
TRIAL_S = 20.0
TRIAL = (sys.executable, *module_command("harness.lab.network.own_user"))


def may_make_networks(proc: Path = Path("/proc")) -> bool:
    """Whether this process may make network namespaces as it is."""
    found = re.search(r"^CapEff:\s+([0-9a-f]+)", read(proc / "self/status") or "", re.MULTILINE)
    return bool(found and int(found[1], 16) >> CAP_SYS_ADMIN & 1)


def can_gain_rights() -> bool:
    """Whether this process may make network namespaces, or might after `gain_rights`: another one tries it."""
    return may_make_networks() or _trial_succeeds()


def _trial_succeeds() -> bool:
    try:
        return read_output(TRIAL, TRIAL_S).code == 0
    except TimeoutError:
        return False


def gain_rights() -> None:
    """Enter a user namespace, and a network of it like the host's: only from there can we go to others and come back.

    Nothing is done where nothing is to be gained, and where the kernel refuses, all stays as it was. Our user and group
    stay what they are, and so do our rights to everything outside; a program that we start has none of the new ones.
    The kernel wants a process of one thread for this.
    """
    if may_make_networks():
        return
    user, group, values = os.geteuid(), os.getegid(), network_values()
    if ctypes.CDLL(None).unshare(CLONE_NEWUSER | CLONE_NEWNET):
        return
    with suppress(OSError):  # a kernel that gives the namespace and no rights in it: what needs them will say so
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        bring_up()
        copy_values(values)


if __name__ == "__main__":
    gain_rights()
    sys.exit(not may_make_networks())
