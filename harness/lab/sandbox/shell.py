"""A sandbox in commands that anyone can type."""

import shlex
import sys
from collections.abc import Iterable, Sequence

from harness.lab.sandbox import enter
from harness.lab.sandbox.steps import BARE, Enclosure

NOTED = 'pids="${pids:+$pids }$!"'


def commands(enclosure: Enclosure, argv: Sequence[str]) -> list[str]:
    """Everything from making its control groups to the server itself, in order."""
    unshared = [f"{unshare(enclosure)} /bin/sh  # and in there:"] if enclosure.namespaces else []
    return [*groups_made(enclosure), *joined(enclosure), *unshared, *inside(enclosure, argv)]


def groups_made(enclosure: Enclosure) -> list[str]:
    return [f"mkdir {shlex.quote(str(group))}" for group in enclosure.groups]


def joined(enclosure: Enclosure) -> list[str]:
    return [step.shell for step in enclosure.joins]


def unshare(enclosure: Enclosure) -> str:
    """util-linux 2.36 or later. Root enters its user namespace only at the end, see `inside`."""
    first = [] if enclosure.as_root else ["--user", "--map-current-user", "--keep-caps"]
    others = [f"--{kind}" for kind in enclosure.namespaces if kind != "user"]
    forked = ["--fork", "--kill-child"] if is_forked(enclosure) else []
    return " ".join(["unshare", *first, *others, *forked]) if first or others else ""


def is_forked(enclosure: Enclosure) -> bool:
    """Whether the server is a child of what was started."""
    return "pid" in enclosure.namespaces


def inside(enclosure: Enclosure, argv: Sequence[str]) -> list[str]:
    """What is done in the namespaces, up to the server; what no ordinary command does, a program of ours does.

    Mounting is one of these for an ordinary user: mount(8) asks who one is, not what one may.
    """
    mounts = [step.shell for step in enclosure.mounts] if enclosure.as_root else []
    last = enclosure.last_words if enclosure.as_root else (*enclosure.mount_words, *enclosure.last_words)
    entering = [sys.executable, "-I", "-S", enter.__file__, *last, "--"] if last else []
    return [*mounts, f"exec {shlex.join([*entering, *argv])}"]


def branch(name: str, enclosure: Enclosure, argv: Sequence[str]) -> list[str]:
    """What the script does when it is called with `name`: inside."""
    return [f"{name})", *(f"    {line}" for line in inside(enclosure, argv)), "    ;;"]


def started(name: str, enclosure: Enclosure, before: str, argv: Sequence[str]) -> list[str]:
    """Lines of a script that start a server, with words `before` its command line; it calls itself to be inside."""
    if enclosure == BARE:
        return [f"{before} {shlex.join(argv)} &", NOTED]
    entering = " ".join(filter(None, ["exec", before, unshare(enclosure), f'/bin/sh -e "$self" {name}']))
    held = ['held="$held $!"'] if is_forked(enclosure) else []  # unshare keeps SIGTERM from its child
    return [
        *groups_made(enclosure),
        "(",
        *(f"    {line}" for line in (*joined(enclosure), entering)),
        ") &",
        NOTED,
        *held,
    ]


def ended(enclosures: Iterable[Enclosure]) -> list[str]:
    """Control groups can be removed when nobody is in them any more, which takes a moment."""
    every = list(enclosures)
    groups = shlex.join(str(group) for one in every for group in one.groups)
    killed = ["sleep 0.5", "kill -KILL $held 2>/dev/null || true"] if any(map(is_forked, every)) else []
    removed = [f"for _ in 1 2 3 4 5; do rmdir {groups} 2>/dev/null && break; sleep 0.2; done"] if groups else []
    # Twice, because an nginx that is still starting heeds a signal only when the next one comes.
    asked = ["kill $pids 2>/dev/null || true", "sleep 0.5", "kill $pids 2>/dev/null || true"]
    return [*asked, *killed, "wait", *removed]
