"""What a sandbox is made of: steps for the program that enters it, and the same steps as shell commands."""

import os
import platform
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import plugins
from harness.errors import MachineError
from harness.model import Settings
from harness.model.plugins import Namespace, SandboxRung
from harness.testbed.machine.cgroups import cgroup_parents, quota_writes
from harness.testbed.machine.directories import private_name
from harness.testbed.machine.procfs import HOST_ROOTS, Roots, mounts_on_root
from harness.testbed.sandbox.seccomp import AUDIT_ARCH, filter_program
from harness.testbed.standalone import enter
from harness.testbed.standalone.supervisor import FORK_WORD

NOTE_PID = 'pids="${pids:+$pids }$!"'
SANDBOX_NAMESPACES: tuple[Namespace, ...] = ("user", "mount", "pid", "uts", "ipc", "cgroup")


@dataclass(frozen=True, slots=True)
class SandboxStep:
    """One step: `words` are for standalone/enter.py; `shell` is "" where no ordinary command does it."""

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
    """The parts of a sandbox; `namespaces` are in the order of SANDBOX_NAMESPACES."""

    cgroup: bool = False
    namespaces: tuple[Namespace, ...] = ()
    overlay: bool = False
    has_seccomp_filter: bool = False
    disables_store_bypass: bool = False
    quota_cpus: float = 0.0


def sandbox_of(settings: Settings) -> Sandbox:
    """Return the sandbox of an arm."""
    return merge_rungs([plugins.load(SandboxRung, name) for name in settings.sandbox], settings.cpu_quota)


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


def sandbox_commands(enclosure: Enclosure, argv: Sequence[str]) -> list[str]:
    """Return the commands from making the control groups to the server itself."""
    shell = [f"{unshare_command(enclosure)} /bin/sh  # and in there:"] if enclosure.namespaces else []
    return [*_group_commands(enclosure), *_join_commands(enclosure), *shell, *inner_commands(enclosure, argv)]


def _group_commands(enclosure: Enclosure) -> list[str]:
    return [f"mkdir {shlex.quote(str(group))}" for group in enclosure.groups]


def _join_commands(enclosure: Enclosure) -> list[str]:
    return [step.shell for step in enclosure.cgroup_steps]


def unshare_command(enclosure: Enclosure) -> str:
    """Return the unshare command (util-linux 2.36 or later). Root enters its user namespace in `inner_commands`."""
    user = [] if enclosure.as_root else ["--user", "--map-current-user", "--keep-caps"]
    kinds = [f"--{kind}" for kind in enclosure.namespaces if kind != "user"]
    fork = ["--fork", "--kill-child"] if _is_forked(enclosure) else []
    return " ".join(["unshare", *user, *kinds, *fork]) if user or kinds else ""


def _is_forked(enclosure: Enclosure) -> bool:
    """Return whether the server is a child of the started process."""
    return "pid" in enclosure.namespaces


def inner_commands(enclosure: Enclosure, argv: Sequence[str]) -> list[str]:
    """Return the commands inside the namespaces, up to the server; enter.py takes the steps that have no command.

    For an ordinary user these include mounts: mount(8) checks the user, not the capabilities.
    """
    mounts = [step.shell for step in enclosure.mount_steps] if enclosure.as_root else []
    last = enclosure.final_words if enclosure.as_root else (*enclosure.mount_words, *enclosure.final_words)
    entering = [sys.executable, "-I", "-S", enter.__file__, *last, "--"] if last else []
    return [*mounts, f"exec {shlex.join([*entering, *argv])}"]


def case_branch(name: str, enclosure: Enclosure, argv: Sequence[str]) -> list[str]:
    """Return the branch of the script's `case` that runs the server inside its namespaces."""
    return [f"{name})", *(f"    {line}" for line in inner_commands(enclosure, argv)), "    ;;"]


def start_lines(name: str, enclosure: Enclosure, before: str, argv: Sequence[str]) -> list[str]:
    """Return lines that start a server with the prefix `before`; to get inside, the script calls itself."""
    if enclosure == NO_ENCLOSURE:
        return [f"{before} {shlex.join(argv)} &", NOTE_PID]
    entering = " ".join(filter(None, ["exec", before, unshare_command(enclosure), f'/bin/sh -e "$self" {name}']))
    note_forked = ['held="$held $!"'] if _is_forked(enclosure) else []  # unshare keeps SIGTERM from its child
    return [
        *_group_commands(enclosure),
        "(",
        *(f"    {line}" for line in (*_join_commands(enclosure), entering)),
        ") &",
        NOTE_PID,
        *note_forked,
    ]


def stop_lines(enclosures: Iterable[Enclosure]) -> list[str]:
    """Return lines that stop the servers and remove their control groups, which takes a moment."""
    all_enclosures = list(enclosures)
    groups = shlex.join(str(group) for enclosure in all_enclosures for group in enclosure.groups)
    kill = ["sleep 0.5", "kill -KILL $held 2>/dev/null || true"] if any(map(_is_forked, all_enclosures)) else []
    remove = [f"for _ in 1 2 3 4 5; do rmdir {groups} 2>/dev/null && break; sleep 0.2; done"] if groups else []
    # Twice, because an nginx that is still starting handles a signal only when the next one comes.
    stop = ["kill $pids 2>/dev/null || true", "sleep 0.5", "kill $pids 2>/dev/null || true"]
    return [*stop, *kill, "wait", *remove]
