"""What a sandbox is made of: the steps for the program that enters it, which a shell can take too."""

import os
import platform
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from harness import plugins
from harness.errors import MachineError
from harness.model import Settings
from harness.model.plugins import Namespace, SandboxPart, SandboxRung
from harness.testbed.machine.cgroups import cgroup_parents, quota_writes
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
class Enclosure:
    """How one server is enclosed.

    `groups` are control groups, made before and removed after. The server joins them, enters the `namespaces`, arranges
    its mounts there, and last drops its privileges. `files` must exist before.
    """

    groups: tuple[Path, ...] = ()
    cgroup_steps: tuple[SandboxStep, ...] = ()
    namespaces: tuple[Namespace, ...] = ()
    mount_steps: tuple[SandboxStep, ...] = ()
    final_steps: tuple[SandboxStep, ...] = ()  # which no ordinary command does
    files: tuple[tuple[Path, bytes], ...] = ()
    limited: Path | None = None  # the one of `groups` with a CPU quota
    as_root: bool = True

    @property
    def supervisor_words(self) -> tuple[str, ...]:
        """The words of all steps. A PID namespace begins with a child; without root, a user namespace is first.

        Root enters the user namespace last, because there it may not change what belongs to the outer one.
        """
        first = {"pid"} if self.as_root else {"user", "pid"}
        outside = [kind for kind in self.namespaces if kind in first]
        inside = [kind for kind in self.namespaces if kind not in ("user", "pid")]
        before: list[SandboxStep] = [("unshare", ",".join(outside)), (FORK_WORD,)] if outside else []
        entering: list[SandboxStep] = [("unshare", ",".join(inside))] if inside else []
        steps = (*before, *self.cgroup_steps, *entering, *self.mount_steps, *self.final_steps)
        return tuple(chain.from_iterable(steps))

    @property
    def is_forked(self) -> bool:
        """Whether the server is a child of the started process."""
        return "pid" in self.namespaces


NO_ENCLOSURE = Enclosure()


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The parts of a sandbox, and the CPUs that each server may use; 0 for no limit."""

    parts: frozenset[SandboxPart] = frozenset()
    quota_cpus: float = 0.0


@dataclass(frozen=True, slots=True)
class SandboxPaths:
    """Paths of a sandbox: `scratch` is for its root, `shared` directories are the same inside.

    `others` are mount points below the root's; `writes` are (file, text) of control groups, before a process is in
    them; `program` is the filter's file.
    """

    scratch: Path
    shared: tuple[Path, ...]
    others: tuple[Path, ...]
    writes: tuple[tuple[Path, str], ...]
    groups: tuple[Path, ...]
    program: Path


def sandbox_of(settings: Settings) -> Sandbox:
    """Return the sandbox of an arm; a quota needs a control group."""
    parts = {part for name in settings.sandbox for part in plugins.load(SandboxRung, name).parts}
    quota_parts: set[SandboxPart] = {"control group"} if settings.cpu_quota else set()
    return Sandbox(frozenset(parts | quota_parts), settings.cpu_quota)


def enclosure_of(
    sandbox: Sandbox, server: str, scratch: Path, shared: Sequence[Path], roots: Roots = HOST_ROOTS
) -> Enclosure:
    """Return the enclosure of `server`; all servers share the `shared` directories, the last of which holds our files.

    Raises MachineError where this machine lacks a part.
    """
    if sandbox == Sandbox():
        return NO_ENCLOSURE
    groups = {parent: parent / private_name() for parent in cgroup_parents(roots)} if _has_group(sandbox) else {}
    if _has_group(sandbox) and not groups:
        raise MachineError("No control groups are mounted here. Mount them at /sys/fs/cgroup, or leave this out.")
    paths = SandboxPaths(
        scratch=scratch / f"root-{server}",
        shared=tuple(shared),
        others=_other_mounts(roots) if "overlay" in sandbox.parts else (),
        writes=_quota_writes(sandbox.quota_cpus, groups),
        groups=tuple(groups.values()),
        program=shared[-1] / "seccomp.bpf",
    )
    program = _filter_program() if "seccomp filter" in sandbox.parts else b""
    return assemble_enclosure(sandbox, paths, program, as_root=os.geteuid() == 0)


def assemble_enclosure(sandbox: Sandbox, paths: SandboxPaths, program: bytes, *, as_root: bool) -> Enclosure:
    """Return everything that `sandbox` needs, in the one order that works.

    Other users than root make namespaces inside a user namespace only.
    """
    kinds = tuple(kind for kind in SANDBOX_NAMESPACES if kind in sandbox.parts)
    if kinds and not as_root and "user" not in kinds:
        kinds = ("user", *kinds)
    groups = paths.groups if _has_group(sandbox) else ()
    writes = [*paths.writes, *((group / "cgroup.procs", "0") for group in groups)]
    return Enclosure(
        groups=groups,
        cgroup_steps=tuple(("write", str(path), text) for path, text in writes),
        namespaces=kinds,
        mount_steps=tuple(_mount_steps(sandbox, paths)),
        final_steps=tuple(_final_steps(sandbox, paths.program, as_root=as_root)),
        files=((paths.program, program),) if "seccomp filter" in sandbox.parts else (),
        limited=next((path.parent for path, _ in paths.writes), None),
        as_root=as_root,
    )


def _has_group(sandbox: Sandbox) -> bool:
    return "control group" in sandbox.parts


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


def _mount_steps(sandbox: Sandbox, paths: SandboxPaths) -> Iterator[SandboxStep]:
    if "mount" in sandbox.parts:
        yield "mount", "none", "/", "", "rec,private"
    if "overlay" in sandbox.parts:
        yield from _overlay_steps(paths)
    if "pid" in sandbox.parts:
        yield "mount", "proc", "/proc", "proc", "nosuid,nodev,noexec"


def _overlay_steps(paths: SandboxPaths) -> Iterator[SandboxStep]:
    """Yield the steps of an overlay in memory as root; all other mounts are bound into it, except the overlay's own."""
    base, merged = str(paths.scratch), f"{paths.scratch}/merged"
    yield "mkdir", base
    yield "mount", "tmpfs", base, "tmpfs", "mode=755"
    for name in ("upper", "work", "merged"):
        yield "mkdir", f"{base}/{name}"
    yield "mount", "overlay", merged, "overlay", f"lowerdir=/,upperdir={base}/upper,workdir={base}/work"
    yield "mount", "none", base, "", "unbindable"
    for other in paths.others:
        yield "mount", str(other), f"{merged}{other}", "", "bind,rec"
    for directory in paths.shared:
        yield "mount", str(directory), f"{merged}{directory}", "", "bind"
    yield "pivot", merged


def _final_steps(sandbox: Sandbox, program: Path, *, as_root: bool) -> Iterator[SandboxStep]:
    """Yield the last steps; the filter follows all that it would forbid."""
    if as_root and "user" in sandbox.parts:
        yield "unshare", "user"
    if "no store bypass" in sandbox.parts:
        yield ("no-store-bypass",)
    if "seccomp filter" in sandbox.parts:
        yield ("no-new-privs",)
        yield "seccomp", str(program)


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
