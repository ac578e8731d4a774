"""What a sandbox is made of, as steps; and the enclosures that servers share."""

import os
import platform
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import plugins
from harness.errors import MachineError
from harness.model import Settings
from harness.model.rungs import Namespace, SandboxRung
from harness.testbed.machine.cgroups import cgroup_parents, quota_writes
from harness.testbed.machine.directories import private_name
from harness.testbed.machine.procfs import HOST_ROOTS, Roots, mounts_on_root
from harness.testbed.sandbox.seccomp import AUDIT_ARCH, filter_program
from harness.testbed.standalone.supervisor import FORK_WORD

SANDBOX_RUNGS = "harness.testbed.sandbox.rungs"
SANDBOX_NAMESPACES: tuple[Namespace, ...] = ("user", "mount", "pid", "uts", "ipc", "cgroup")


@dataclass(frozen=True, slots=True)
class SandboxStep:
    """One step: `words` are for sandbox/enter.py; `shell` is "" where no ordinary command does it."""

    words: tuple[str, ...]
    shell: str = ""


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
    final_steps: tuple[SandboxStep, ...] = ()
    files: tuple[tuple[Path, bytes], ...] = ()
    limited: Path | None = None  # the one of `groups` with a CPU quota
    as_root: bool = True

    @property
    def supervisor_words(self) -> tuple[str, ...]:
        """The steps for the supervisor. A PID namespace begins with a child; without root, a user namespace is first.

        Root enters the user namespace last, because there it may not change what belongs to the outer one.
        """
        first = {"pid"} if self.as_root else {"user", "pid"}
        outside = [kind for kind in self.namespaces if kind in first]
        inside = [kind for kind in self.namespaces if kind not in ("user", "pid")]
        before = (*_unshare_words(outside), FORK_WORD) if outside else ()
        return (*before, *_words_of(self.cgroup_steps), *_unshare_words(inside), *self.mount_words, *self.final_words)

    @property
    def mount_words(self) -> tuple[str, ...]:
        """The steps that arrange mounts."""
        return _words_of(self.mount_steps)

    @property
    def final_words(self) -> tuple[str, ...]:
        """The steps that no ordinary command does."""
        user = _unshare_words(["user"]) if self.as_root and "user" in self.namespaces else ()
        return (*user, *_words_of(self.final_steps))


NO_ENCLOSURE = Enclosure()

SHELL_MOUNTS: Mapping[str, str] = {
    "bind": "mount --bind",
    "bind,rec": "mount --rbind",
    "rec,private": "mount --make-rprivate",
    "unbindable": "mount --make-unbindable",
}


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The parts of a sandbox; `namespaces` are in the order of NAMESPACES."""

    cgroup: bool = False
    namespaces: tuple[Namespace, ...] = ()
    overlay: bool = False
    has_seccomp_filter: bool = False
    disables_store_bypass: bool = False
    quota_cpus: float = 0.0


def sandbox_of(settings: Settings) -> Sandbox:
    """Return the sandbox of an arm."""
    return merge_rungs(
        [plugins.load(SANDBOX_RUNGS, name, SandboxRung) for name in settings.sandbox], settings.cpu_quota
    )


def merge_rungs(rungs: Sequence[SandboxRung], quota_cpus: float) -> Sandbox:
    """Merge rungs; a quota needs a control group."""
    kinds = {kind for rung in rungs for kind in rung.namespaces}
    return Sandbox(
        cgroup=any(rung.cgroup for rung in rungs) or quota_cpus > 0,
        namespaces=tuple(kind for kind in SANDBOX_NAMESPACES if kind in kinds),
        overlay=any(rung.overlay for rung in rungs),
        has_seccomp_filter=any(rung.has_seccomp_filter for rung in rungs),
        disables_store_bypass=any(rung.disables_store_bypass for rung in rungs),
        quota_cpus=quota_cpus,
    )


def enclosure_of(
    sandbox: Sandbox, server: str, scratch: Path, shared: Sequence[Path], roots: Roots = HOST_ROOTS
) -> Enclosure:
    """Return the enclosure of `server`; all servers share the `shared` directories, the last of which holds our files.

    Raises MachineError where this machine lacks a part.
    """
    if sandbox == Sandbox():
        return NO_ENCLOSURE
    hierarchies = cgroup_parents(roots) if sandbox.cgroup else []
    groups = {parent: parent / private_name() for parent in hierarchies}
    places = SandboxPaths(
        scratch=scratch / f"root-{server}",
        shared=tuple(shared),
        others=_other_mounts(roots) if sandbox.overlay else (),
        writes=_quota_writes(sandbox.quota_cpus, groups),
        groups=tuple(groups.values()),
        program=shared[-1] / "seccomp.bpf",
    )
    if sandbox.cgroup and not hierarchies:
        raise MachineError("No control groups are mounted here. Mount them at /sys/fs/cgroup, or leave this out.")
    return assemble_enclosure(
        sandbox, places, _filter_program() if sandbox.has_seccomp_filter else b"", as_root=os.geteuid() == 0
    )


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


def assemble_enclosure(sandbox: Sandbox, places: SandboxPaths, program: bytes, *, as_root: bool) -> Enclosure:
    """Return everything that `sandbox` needs, in the one order that works."""
    writes = [*places.writes, *((group / "cgroup.procs", "0") for group in places.groups)]
    return Enclosure(
        groups=places.groups if sandbox.cgroup else (),
        cgroup_steps=tuple(_write_step(path, text) for path, text in writes) if sandbox.cgroup else (),
        namespaces=_namespaces(sandbox, as_root=as_root),
        mount_steps=tuple(_mount_steps(sandbox, places)),
        final_steps=tuple(_final_steps(sandbox, places.program)),
        files=((places.program, program),) if sandbox.has_seccomp_filter else (),
        limited=next((path.parent for path, _ in places.writes), None),
        as_root=as_root,
    )


def _namespaces(sandbox: Sandbox, *, as_root: bool) -> tuple[Namespace, ...]:
    """Return the namespaces; other users than root make them inside a user namespace only."""
    kinds = sandbox.namespaces
    return kinds if as_root or not kinds or "user" in kinds else ("user", *kinds)


def _mount_steps(sandbox: Sandbox, places: SandboxPaths) -> Iterator[SandboxStep]:
    if "mount" in sandbox.namespaces:
        yield _mount_step("none", "/", "", "rec,private")
    if sandbox.overlay:
        yield from _overlay_steps(places)
    if "pid" in sandbox.namespaces:
        yield _mount_step("proc", "/proc", "proc", "nosuid,nodev,noexec")


def _overlay_steps(places: SandboxPaths) -> Iterator[SandboxStep]:
    """Yield the steps of an overlay in memory as root; all other mounts are bound into it, except the overlay's own."""
    base = places.scratch
    merged = base / "merged"
    yield _mkdir_step(base)
    yield _mount_step("tmpfs", str(base), "tmpfs", "mode=755")
    yield from map(_mkdir_step, (base / "upper", base / "work", merged))
    yield _mount_step("overlay", str(merged), "overlay", f"lowerdir=/,upperdir={base}/upper,workdir={base}/work")
    yield _mount_step("none", str(base), "", "unbindable")
    for other in places.others:
        yield _mount_step(str(other), f"{merged}{other}", "", "bind,rec")
    for directory in places.shared:
        yield _mount_step(str(directory), f"{merged}{directory}", "", "bind")
    yield SandboxStep(
        ("pivot", str(merged)), f'here=$PWD; cd {shlex.quote(str(merged))}; pivot_root . .; umount -l .; cd "$here"'
    )


def _final_steps(sandbox: Sandbox, program: Path) -> Iterator[SandboxStep]:
    """Yield the last steps; the filter follows all that it would forbid."""
    if sandbox.disables_store_bypass:
        yield SandboxStep(("no-store-bypass",))
    if sandbox.has_seccomp_filter:
        yield SandboxStep(("no-new-privs",))
        yield SandboxStep(("seccomp", str(program)))


def _write_step(path: Path, text: str) -> SandboxStep:
    return SandboxStep(("write", str(path), text), f"echo {text} > {shlex.quote(str(path))}")


def _mkdir_step(path: Path) -> SandboxStep:
    return SandboxStep(("mkdir", str(path)), f"mkdir -p -m 700 {shlex.quote(str(path))}")


def _mount_step(source: str, target: str, kind: str, options: str) -> SandboxStep:
    sources = () if source == "none" else (source,)
    command = SHELL_MOUNTS.get(options, f"mount -t {kind} -o {shlex.quote(options)}")
    return SandboxStep(("mount", source, target, kind, options), f"{command} {shlex.join([*sources, target])}")


def _unshare_words(kinds: Sequence[str]) -> tuple[str, ...]:
    return ("unshare", ",".join(kinds)) if kinds else ()


def _words_of(steps: Iterable[SandboxStep]) -> tuple[str, ...]:
    return tuple(word for step in steps for word in step.words)
