"""Kernel values that change each other, and those that cannot be restored."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from harness.lab.kernelfiles import HERE, Roots


@dataclass(frozen=True, slots=True)
class LinkedValues:
    """Sysctls that change when one of them is written, in the order in which they are restored.

    `exclusive`: one is in force and the others read 0, which they do not take: only the one in force is written back,
    and the kernel sets the others to 0 again.
    """

    names: tuple[str, ...]
    exclusive: bool


# Documentation/admin-guide/sysctl/vm.rst, kernel.rst, and the handlers in mm/ and kernel/watchdog.c.
LINKED = (
    LinkedValues(("vm.dirty_ratio", "vm.dirty_bytes"), exclusive=True),
    LinkedValues(("vm.dirty_background_ratio", "vm.dirty_background_bytes"), exclusive=True),
    LinkedValues(("vm.overcommit_ratio", "vm.overcommit_kbytes"), exclusive=True),
    LinkedValues(("vm.nr_hugepages", "vm.nr_hugepages_mempolicy"), exclusive=False),
    LinkedValues(("kernel.watchdog", "kernel.soft_watchdog", "kernel.nmi_watchdog"), exclusive=False),
)
# Writing is an action, or the value changes by itself: there is nothing to restore.
ACTIONS = (
    "vm.drop_caches", "vm.compact_memory", "vm.stat_refresh", "kernel.ns_last_pid", "kernel.*_next_id",
    "kernel.tainted", "kernel.cad_pid", "kernel.kexec_load_limit_*", "fs.binfmt_misc.*", "*.flush",
)  # fmt: skip
# Programs that the kernel starts as root.
PROGRAMS = (
    "kernel.core_pattern", "kernel.modprobe", "kernel.hotplug", "kernel.poweroff_cmd", "kernel.usermodehelper.*",
)  # fmt: skip
# With this value, the kernel takes no other until it is rebooted.
ONE_WAY = {
    "kernel.modules_disabled": "1",
    "kernel.kexec_load_disabled": "1",
    "kernel.unprivileged_bpf_disabled": "1",
    "kernel.yama.ptrace_scope": "3",
    "kernel.loadpin.enforce": "1",
}


def sysctl_name(path: str, roots: Roots = HERE) -> str:
    """Return the name of the sysctl of this file, or ""."""
    try:
        return ".".join(Path(path).relative_to(roots.proc / "sys").parts)
    except ValueError:
        return ""


def links_of(name: str) -> LinkedValues | None:
    """Return the group of values that change together with this one, or None."""
    return next((linked for linked in LINKED if name in linked.names), None)


def irreversible(name: str, text: str) -> str | None:
    """Return why a sysctl could not be restored after `text` was written to it, or None."""
    if any(fnmatch(name, pattern) for pattern in ACTIONS):
        return "writing it is an action, or it changes by itself, so there is nothing to restore"
    if any(fnmatch(name, pattern) for pattern in PROGRAMS):
        return "it names a program that the kernel starts as root"
    if ONE_WAY.get(name) == text.strip():
        return f"from {text.strip()} the kernel takes no other value until it is rebooted"
    return None


def contradictions(names: Iterable[str]) -> Iterator[Sequence[str]]:
    """Yield groups of `names` of which only one can be in force."""
    given = set(names)
    for linked in LINKED:
        present = [name for name in linked.names if name in given]
        if linked.exclusive and len(present) > 1:
            yield present
