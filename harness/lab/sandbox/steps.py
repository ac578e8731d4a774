"""The steps into a sandbox, each as the keeper takes it and as a shell would; pure."""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.lab.keeper import FORK
from harness.lab.sandbox.asked import Sandbox
from harness.model.rungs import Namespace


@dataclass(frozen=True, slots=True)
class Step:
    """`words` are for sandbox/enter.py; `shell` is "" for those that no ordinary command takes."""

    words: tuple[str, ...]
    shell: str = ""


@dataclass(frozen=True, slots=True)
class Enclosure:
    """How one server is enclosed, for one who is root or not.

    `groups` are control groups that are made before and removed after. It joins them, enters the `namespaces`, arranges
    its mounts there, and then gives up what it must not have any more. `files` must be there before.
    """

    groups: tuple[Path, ...] = ()
    joins: tuple[Step, ...] = ()
    namespaces: tuple[Namespace, ...] = ()
    mounts: tuple[Step, ...] = ()
    last: tuple[Step, ...] = ()
    files: tuple[tuple[Path, bytes], ...] = ()
    limited: Path | None = None  # the one of `groups` that has a quota of CPU time
    as_root: bool = True

    @property
    def words(self) -> tuple[str, ...]:
        """For the keeper. A pid namespace begins with a child; who is not root is in a user namespace before all else.

        Root enters the user namespace last, because in it one may not arrange what belongs to the one outside.
        """
        first = {"pid"} if self.as_root else {"user", "pid"}
        outside = [kind for kind in self.namespaces if kind in first]
        inside = [kind for kind in self.namespaces if kind not in ("user", "pid")]
        before = (*_unshared(outside), FORK) if outside else ()
        return (*before, *_words(self.joins), *_unshared(inside), *self.mount_words, *self.last_words)

    @property
    def mount_words(self) -> tuple[str, ...]:
        return _words(self.mounts)

    @property
    def last_words(self) -> tuple[str, ...]:
        """Those of the steps that no ordinary command takes."""
        user = _unshared(["user"]) if self.as_root and "user" in self.namespaces else ()
        return (*user, *_words(self.last))


BARE = Enclosure()


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are: `scratch` is for the root of the sandbox, `shared` are directories that are the same inside.

    `others` are the mount points below the root's; `writes` are (file, text) of control groups, before anybody is in
    them; `program` is where the filter goes.
    """

    scratch: Path
    shared: tuple[Path, ...]
    others: tuple[Path, ...]
    writes: tuple[tuple[Path, str], ...]
    groups: tuple[Path, ...]
    program: Path


def enclosure(sandbox: Sandbox, places: Places, program: bytes, *, as_root: bool) -> Enclosure:
    """Everything that `sandbox` asks for, in the one order that works."""
    joined = [*places.writes, *((group / "cgroup.procs", "0") for group in places.groups)]
    return Enclosure(
        groups=places.groups if sandbox.cgroup else (),
        joins=tuple(_write(path, text) for path, text in joined) if sandbox.cgroup else (),
        namespaces=_namespaces(sandbox, as_root=as_root),
        mounts=tuple(_mounts(sandbox, places)),
        last=tuple(_last(sandbox, places.program)),
        files=((places.program, program),) if sandbox.filtered else (),
        limited=next((path.parent for path, _ in places.writes), None),
        as_root=as_root,
    )


def _namespaces(sandbox: Sandbox, *, as_root: bool) -> tuple[Namespace, ...]:
    """Who is not root makes any other namespace from within a user namespace only."""
    kinds = sandbox.namespaces
    return kinds if as_root or not kinds or "user" in kinds else ("user", *kinds)


def _mounts(sandbox: Sandbox, places: Places) -> Iterator[Step]:
    if "mount" in sandbox.namespaces:
        yield _mount("none", "/", "", "rec,private")
    if sandbox.overlay:
        yield from _overlay(places)
    if "pid" in sandbox.namespaces:
        yield _mount("proc", "/proc", "proc", "nosuid,nodev,noexec")


def _overlay(places: Places) -> Iterator[Step]:
    """What is written goes to memory; other mounts are bound in, but for the one that all this lies on."""
    base = places.scratch
    merged = base / "merged"
    yield _mkdir(base)
    yield _mount("tmpfs", str(base), "tmpfs", "mode=755")
    yield from map(_mkdir, (base / "upper", base / "work", merged))
    yield _mount("overlay", str(merged), "overlay", f"lowerdir=/,upperdir={base}/upper,workdir={base}/work")
    yield _mount("none", str(base), "", "unbindable")
    for other in places.others:
        yield _mount(str(other), f"{merged}{other}", "", "bind,rec")
    for directory in places.shared:
        yield _mount(str(directory), f"{merged}{directory}", "", "bind")
    yield Step(
        ("pivot", str(merged)), f'here=$PWD; cd {shlex.quote(str(merged))}; pivot_root . .; umount -l .; cd "$here"'
    )


def _last(sandbox: Sandbox, program: Path) -> Iterator[Step]:
    """The filter comes after all that it would forbid."""
    if sandbox.no_store_bypass:
        yield Step(("no-store-bypass",))
    if sandbox.filtered:
        yield Step(("no-new-privs",))
        yield Step(("seccomp", str(program)))


def _write(path: Path, text: str) -> Step:
    return Step(("write", str(path), text), f"echo {text} > {shlex.quote(str(path))}")


def _mkdir(path: Path) -> Step:
    return Step(("mkdir", str(path)), f"mkdir -p -m 700 {shlex.quote(str(path))}")


SHELL_MOUNTS: Mapping[str, str] = {
    "bind": "mount --bind",
    "bind,rec": "mount --rbind",
    "rec,private": "mount --make-rprivate",
    "unbindable": "mount --make-unbindable",
}


def _mount(source: str, target: str, kind: str, options: str) -> Step:
    named = () if source == "none" else (source,)
    command = SHELL_MOUNTS.get(options, f"mount -t {kind} -o {shlex.quote(options)}")
    return Step(("mount", source, target, kind, options), f"{command} {shlex.join([*named, target])}")


def _unshared(kinds: Sequence[str]) -> tuple[str, ...]:
    return ("unshare", ",".join(kinds)) if kinds else ()


def _words(steps: Iterable[Step]) -> tuple[str, ...]:
    return tuple(word for step in steps for word in step.words)
