"""Values of the kernel that change each other, and those that cannot be put back: what a change needs to know first."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from harness.lab.kernelfiles import HERE, Roots


@dataclass(frozen=True, slots=True)
class LinkedValues:
    """Sysctls that change when one of them is written, in the order in which they are put back.

    `exclusive`: one is in force and the others read 0, which is no value that they take: only what is in force is
    written back, and the kernel makes the others 0 again.
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
# Writing is an action, or the value moves by itself: there is nothing to put back.
ACTIONS = (
    "vm.drop_caches", "vm.compact_memory", "vm.stat_refresh", "kernel.ns_last_pid", "kernel.*_next_id",
    "kernel.tainted", "kernel.cad_pid", "kernel.kexec_load_limit_*", "fs.binfmt_misc.*", "*.flush",
)  # fmt: skip
# Programs that the kernel starts as root.
PROGRAMS = (
    "kernel.core_pattern", "kernel.modprobe", "kernel.hotplug", "kernel.poweroff_cmd", "kernel.usermodehelper.*",
)  # fmt: skip
# Once it has this value the kernel takes no other until it is booted.
ONE_WAY = {
    "kernel.modules_disabled": "1",
    "kernel.kexec_load_disabled": "1",
    "kernel.unprivileged_bpf_disabled": "1",
    "kernel.yama.ptrace_scope": "3",
    "kernel.loadpin.enforce": "1",
}


def sysctl_name(path: str, roots: Roots = HERE) -> str:
    """The name of the sysctl whose file this is, or ""."""
    try:
        return ".".join(Path(path).relative_to(roots.proc / "sys").parts)
    except ValueError:
        return ""


def links_of(name: str) -> LinkedValues | None:
    """The values that change together with this one, itself among them."""
    return next((linked for linked in LINKED if name in linked.names), None)


def irreversible(name: str, text: str) -> str | None:
    """Why a sysctl could not be what it was again after `text` was written to it."""
    if any(fnmatch(name, pattern) for pattern in ACTIONS):
        return "writing it is an action, or it moves by itself, so that nothing can be put back"
    if any(fnmatch(name, pattern) for pattern in PROGRAMS):
        return "it names a program that the kernel starts as root"
    if ONE_WAY.get(name) == text.strip():
        return f"from {text.strip()} the kernel takes it to no other value until it is booted"
    return None


def contradictions(names: Iterable[str]) -> Iterator[Sequence[str]]:
    """Those of `names` of which only one can be in force."""
    given = set(names)
    for linked in LINKED:
        both = [name for name in linked.names if name in given]
        if linked.exclusive and len(both) > 1:
            yield both
