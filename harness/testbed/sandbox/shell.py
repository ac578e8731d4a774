"""A sandbox as shell commands."""

import shlex
import sys
from collections.abc import Iterable, Sequence

from harness.testbed.sandbox.spec import NO_ENCLOSURE, Enclosure
from harness.testbed.standalone import enter

NOTE_PID = 'pids="${pids:+$pids }$!"'


def sandbox_commands(enclosure: Enclosure, argv: Sequence[str]) -> list[str]:
    """Return the commands from making the control groups to the server itself."""
    shell = [f"{unshare_command(enclosure)} /bin/sh  # and in there:"] if enclosure.namespaces else []
    return [*_group_commands(enclosure), *_join_commands(enclosure), *shell, *inner_commands(enclosure, argv)]


def _group_commands(enclosure: Enclosure) -> list[str]:
    return [f"mkdir {shlex.quote(str(group))}" for group in enclosure.groups]


def _join_commands(enclosure: Enclosure) -> list[str]:
    return [step.shell for step in enclosure.cgroup_steps]


def unshare_command(enclosure: Enclosure) -> str:
    """Return the unshare command (util-linux 2.36 or later). Root enters its user namespace last, see `inside`."""
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
