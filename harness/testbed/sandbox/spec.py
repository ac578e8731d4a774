"""The parts of a sandbox, as steps that enter.py takes and that are shown as shell commands."""

import os
import platform
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from harness import plugins
from harness.errors import MachineError
from harness.experiment.transports import is_in_sockmap
from harness.model import Settings
from harness.model.plugins import Namespace, SandboxPart, SandboxRung
from harness.testbed.machine.cgroups import cgroup_parents, is_v2, quota_writes, socket_group_parent
from harness.testbed.machine.directories import private_name
from harness.testbed.machine.procfs import HOST_ROOTS, Roots, mounts_on_root
from harness.testbed.sandbox.seccomp import AUDIT_ARCH, filter_program
from harness.testbed.standalone.supervisor import FORK_WORD

SANDBOX_NAMESPACES: tuple[Namespace, ...] = ("user", "mount", "pid", "uts", "ipc", "cgroup")
SHELL_MOUNTS: Mapping[str, str] = {
    "bind": "mount --bind",
    "bind,rec": "mount --rbind",
    "rec,private": "mount --make-rprivate",
    "unbindable": "mount --make-unbindable",
}


SandboxStep = tuple[str, ...]  # the name of a function of standalone/enter.py, and its arguments


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The parts of a sandbox, and the CPUs that each server may use; 0 for no limit."""

    parts: frozenset[SandboxPart] = frozenset()
    quota_cpus: float = 0.0

    @property
    def has_group(self) -> bool:
        """Whether each server is in a control group of its own."""
        return "control group" in self.parts


@dataclass(frozen=True, slots=True)
class Enclosure:
    """The sandbox of one server.

    It joins its control groups, enters its namespaces, arranges its mounts there, and last drops its privileges.
    """

    sandbox: Sandbox = Sandbox()
    scratch: Path = Path()  # for its root
    shared: tuple[Path, ...] = ()  # directories that are the same inside; the last of them holds our files
    others: tuple[Path, ...] = ()  # mount points below the root's
    quota: tuple[tuple[Path, str], ...] = ()  # files of control groups and their texts, before a process is in them
    groups: tuple[Path, ...] = ()  # control groups, made before and removed after
    filter_code: bytes = b""  # of system calls
    as_root: bool = True

    @property
    def files(self) -> tuple[tuple[Path, bytes], ...]:
        """Files that must exist before the server starts, with their content."""
        return ((self._filter_file, self.filter_code),) if "seccomp filter" in self.sandbox.parts else ()

    @property
    def limited(self) -> Path | None:
        """The control group with a CPU quota."""
        return next((path.parent for path, _ in self.quota), None)

    @property
    def socket_groups(self) -> tuple[Path, ...]:
        """Its control groups of version 2, to which programs on sockets can be attached; at most one."""
        return tuple(group for group in self.groups if is_v2(group.parent))

    @property
    def namespaces(self) -> tuple[Namespace, ...]:
        """Its namespaces. Other users than root make them inside a user namespace only."""
        kinds = tuple(kind for kind in SANDBOX_NAMESPACES if kind in self.sandbox.parts)
        return ("user", *kinds) if kinds and not self.as_root and "user" not in kinds else kinds

    @property
    def is_forked(self) -> bool:
        """Whether the server is a child of the started process."""
        return "pid" in self.namespaces

    @property
    def supervisor_words(self) -> tuple[str, ...]:
        """The words of all steps, in the one order that works.

        A PID namespace begins with a child; without root, a user namespace is first. Root enters it last, because there
        it may not change what belongs to the outer one.
        """
        first = {"pid"} if self.as_root else {"user", "pid"}
        outside = [kind for kind in self.namespaces if kind in first]
        inside = [kind for kind in self.namespaces if kind not in ("user", "pid")]
        before: list[SandboxStep] = [("unshare", ",".join(outside)), (FORK_WORD,)] if outside else []
        entering: list[SandboxStep] = [("unshare", ",".join(inside))] if inside else []
        steps = (*before, *self.cgroup_steps, *entering, *self.mount_steps, *self.final_steps)
        return tuple(chain.from_iterable(steps))

    @property
    def cgroup_steps(self) -> list[SandboxStep]:
        """The steps into its control groups."""
        writes = [*self.quota, *((group / "cgroup.procs", "0") for group in self.groups)]
        return [("write", str(path), text) for path, text in writes]

    @property
    def mount_steps(self) -> list[SandboxStep]:
        """The steps that arrange its mounts."""
        parts = self.sandbox.parts
        private = [("mount", "none", "/", "", "rec,private")] if "mount" in parts else []
        overlay = self._overlay_steps() if "overlay" in parts else ()
        proc = [("mount", "proc", "/proc", "proc", "nosuid,nodev,noexec")] if "pid" in parts else []
        return [*private, *overlay, *proc]

    @property
    def final_steps(self) -> list[SandboxStep]:
        """The last steps, without a shell command each. The filter is the very last: it may forbid the others."""
        parts = self.sandbox.parts
        user: list[SandboxStep] = [("unshare", "user")] if self.as_root and "user" in parts else []
        bypass: list[SandboxStep] = [("no-store-bypass",)] if "no store bypass" in parts else []
        calls: list[SandboxStep] = [("no-new-privs",), ("seccomp", str(self._filter_file))] if self.files else []
        return [*user, *bypass, *calls]

    @property
    def _filter_file(self) -> Path:
        return self.shared[-1] / "seccomp.bpf"

    def _overlay_steps(self) -> Iterator[SandboxStep]:
        """Yield the steps that make an overlay in memory the root; all mounts but its own are bound into it."""
        base, merged = str(self.scratch), f"{self.scratch}/merged"
        yield "mkdir", base
        yield "mount", "tmpfs", base, "tmpfs", "mode=755"
        for name in ("upper", "work", "merged"):
            yield "mkdir", f"{base}/{name}"
        yield "mount", "overlay", merged, "overlay", f"lowerdir=/,upperdir={base}/upper,workdir={base}/work"
        yield "mount", "none", base, "", "unbindable"
        for other in self.others:
            yield "mount", str(other), f"{merged}{other}", "", "bind,rec"
        for directory in self.shared:
            yield "mount", str(directory), f"{merged}{directory}", "", "bind"
        yield "pivot", merged


NO_ENCLOSURE = Enclosure()


def sandbox_of(settings: Settings) -> Sandbox:
    """Return the sandbox of an arm; a quota needs a control group, and so does a sockmap."""
    parts = {part for name in settings.sandbox for part in plugins.load(SandboxRung, name).parts}
    quota_parts: set[SandboxPart] = {"control group"} if settings.cpu_quota else set()
    socket_parts: set[SandboxPart] = {"socket group"} if is_in_sockmap(settings.transport) else set()
    return Sandbox(frozenset(parts | quota_parts | socket_parts), settings.cpu_quota)


def enclosure_of(
    sandbox: Sandbox, server: str, scratch: Path, shared: Sequence[Path], roots: Roots = HOST_ROOTS
) -> Enclosure:
    """Return the enclosure of `server`; all servers share the `shared` directories, the last of which holds our files.

    Raises MachineError where this machine lacks a part.
    """
    if sandbox == Sandbox():
        return NO_ENCLOSURE
    groups = {parent: parent / private_name() for parent in _group_parents(sandbox, roots)}
    return Enclosure(
        sandbox=sandbox,
        scratch=scratch / f"root-{server}",
        shared=tuple(shared),
        others=_other_mounts(roots) if "overlay" in sandbox.parts else (),
        quota=_quota_writes(sandbox.quota_cpus, groups),
        groups=tuple(groups.values()),
        filter_code=_filter_program() if "seccomp filter" in sandbox.parts else b"",
        as_root=os.geteuid() == 0,
    )


def _group_parents(sandbox: Sandbox, roots: Roots) -> list[Path]:
    """Return the directories in which each server gets a control group. Raises MachineError where there are none."""
    parents = cgroup_parents(roots) if sandbox.has_group else []
    if sandbox.has_group and not parents:
        raise MachineError("No control groups are mounted here. Mount them at /sys/fs/cgroup, or leave this out.")
    if "socket group" in sandbox.parts and not any(map(is_v2, parents)):
        parents += filter(None, [socket_group_parent(roots)])
    return parents


def _other_mounts(roots: Roots) -> tuple[Path, ...]:
    """Return the mount points directly on the root's file system, which an overlay does not show."""
    points = (mount.mount_point for mount in mounts_on_root(roots.proc))
    return tuple(Path(point) for point in dict.fromkeys(points) if point != "/")


def _quota_writes(cpus: float, groups: dict[Path, Path]) -> tuple[tuple[Path, str], ...]:
    if not cpus:
        return ()
    writes = tuple(write for parent, group in groups.items() for write in quota_writes(parent, group, cpus))
    if not writes:
        raise MachineError(
            "The cpu controller cannot limit a new control group here. With version 2 of control groups, root can "
            "enable it: echo +cpu > /sys/fs/cgroup/cgroup.subtree_control."
        )
    return writes


def _filter_program() -> bytes:
    machine = platform.machine()
    if machine not in AUDIT_ARCH:
        raise MachineError(f"The filter of system calls is known for x86_64 and aarch64, not for {machine}.")
    return filter_program(machine)


def shell_command(step: SandboxStep) -> str:
    """Return the command for a step on control groups or mounts."""
    match step:
        case ("write", path, text):
            return f"echo {text} > {shlex.quote(path)}"
        case ("mkdir", path):
            return f"mkdir -p -m 700 {shlex.quote(path)}"
        case ("mount", source, target, kind, options):
            command = SHELL_MOUNTS.get(options, f"mount -t {kind} -o {shlex.quote(options)}")
            return f"{command} {shlex.join([source, target] if source != 'none' else [target])}"
        case ("pivot", root):
            return f'here=$PWD; cd {shlex.quote(root)}; pivot_root . .; umount -l .; cd "$here"'
        case _:
            raise ValueError(step)
