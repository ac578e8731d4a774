"""The steps into a sandbox, each for the supervisor and as a shell command."""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.lab.keeper import FORK
from harness.lab.sandbox.asked import Sandbox
from harness.model.rungs import Namespace


@dataclass(frozen=True, slots=True)
class Step:
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
    joins: tuple[Step, ...] = ()
    namespaces: tuple[Namespace, ...] = ()
    mounts: tuple[Step, ...] = ()
    last: tuple[Step, ...] = ()
    files: tuple[tuple[Path, bytes], ...] = ()
    limited: Path | None = None  # the one of `groups` with a CPU quota
    as_root: bool = True

    @property
    def words(self) -> tuple[str, ...]:
        """The steps for the supervisor. A PID namespace begins with a child; without root, a user namespace is first.

        Root enters the user namespace last, because there it may not change what belongs to the outer one.
        """
        first = {"pid"} if self.as_root else {"user", "pid"}
        outside = [kind for kind in self.namespaces if kind in first]
        inside = [kind for kind in self.namespaces if kind not in ("user", "pid")]
        before = (*_unshare_words(outside), FORK) if outside else ()
        return (*before, *_words(self.joins), *_unshare_words(inside), *self.mount_words, *self.last_words)

    @property
    def mount_words(self) -> tuple[str, ...]:
        """The steps that arrange mounts."""
        return _words(self.mounts)

    @property
    def last_words(self) -> tuple[str, ...]:
        """The steps that no ordinary command does."""
        user = _unshare_words(["user"]) if self.as_root and "user" in self.namespaces else ()
        return (*user, *_words(self.last))


BARE = Enclosure()


@dataclass(frozen=True, slots=True)
class Places:
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


def enclosure(sandbox: Sandbox, places: Places, program: bytes, *, as_root: bool) -> Enclosure:
    """Return everything that `sandbox` needs, in the one order that works."""
    writes = [*places.writes, *((group / "cgroup.procs", "0") for group in places.groups)]
    return Enclosure(
        groups=places.groups if sandbox.cgroup else (),
        joins=tuple(_write_step(path, text) for path, text in writes) if sandbox.cgroup else (),
        namespaces=_namespaces(sandbox, as_root=as_root),
        mounts=tuple(_mount_steps(sandbox, places)),
        last=tuple(_final_steps(sandbox, places.program)),
        files=((places.program, program),) if sandbox.filtered else (),
        limited=next((path.parent for path, _ in places.writes), None),
        as_root=as_root,
    )


def _namespaces(sandbox: Sandbox, *, as_root: bool) -> tuple[Namespace, ...]:
    """Return the namespaces; other users than root make them inside a user namespace only."""
    kinds = sandbox.namespaces
    return kinds if as_root or not kinds or "user" in kinds else ("user", *kinds)


def _mount_steps(sandbox: Sandbox, places: Places) -> Iterator[Step]:
    if "mount" in sandbox.namespaces:
        yield _mount_step("none", "/", "", "rec,private")
    if sandbox.overlay:
        yield from _overlay_steps(places)
    if "pid" in sandbox.namespaces:
        yield _mount_step("proc", "/proc", "proc", "nosuid,nodev,noexec")


def _overlay_steps(places: Places) -> Iterator[Step]:
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
    yield Step(
        ("pivot", str(merged)), f'here=$PWD; cd {shlex.quote(str(merged))}; pivot_root . .; umount -l .; cd "$here"'
    )


def _final_steps(sandbox: Sandbox, program: Path) -> Iterator[Step]:
    """Yield the last steps; the filter follows all that it would forbid."""
    if sandbox.no_store_bypass:
        yield Step(("no-store-bypass",))
    if sandbox.filtered:
        yield Step(("no-new-privs",))
        yield Step(("seccomp", str(program)))


def _write_step(path: Path, text: str) -> Step:
    return Step(("write", str(path), text), f"echo {text} > {shlex.quote(str(path))}")


def _mkdir_step(path: Path) -> Step:
    return Step(("mkdir", str(path)), f"mkdir -p -m 700 {shlex.quote(str(path))}")


SHELL_MOUNTS: Mapping[str, str] = {
    "bind": "mount --bind",
    "bind,rec": "mount --rbind",
    "rec,private": "mount --make-rprivate",
    "unbindable": "mount --make-unbindable",
}


def _mount_step(source: str, target: str, kind: str, options: str) -> Step:
    sources = () if source == "none" else (source,)
    command = SHELL_MOUNTS.get(options, f"mount -t {kind} -o {shlex.quote(options)}")
    return Step(("mount", source, target, kind, options), f"{command} {shlex.join([*sources, target])}")


def _unshare_words(kinds: Sequence[str]) -> tuple[str, ...]:
    return ("unshare", ",".join(kinds)) if kinds else ()


def _words(steps: Iterable[Step]) -> tuple[str, ...]:
    return tuple(word for step in steps for word in step.words)
