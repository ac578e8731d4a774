"""Rungs in any order give one right set-up, in words for the keeper and in commands for a hand."""

import re
from itertools import permutations
from pathlib import Path

import pytest

from harness import plugins
from harness.model import Settings
from harness.model.plugins import SandboxRung
from harness.testbed.dry_run import sandbox_commands, unshare_command
from harness.testbed.sandbox.spec import (
    NO_ENCLOSURE,
    Enclosure,
    Sandbox,
    sandbox_of,
)
from harness.testbed.standalone import enter

EVERY = tuple(plugins.names(SandboxRung))
GROUP = Path("/sys/fs/cgroup/cpu/barehop-01234567")


def made(*rungs: str, as_root: bool = True) -> Enclosure:
    sandbox = sandbox_of(Settings(sandbox=rungs))
    return Enclosure(
        sandbox=sandbox,
        scratch=Path("/dev/shm/barehop-89abcdef/root-app"),
        shared=(Path("/run/hop"), Path("/results/stack")),
        others=(Path("/proc"), Path("/dev")),
        groups=(GROUP,) if sandbox.has_group else (),
        as_root=as_root,
    )


def test_nothing_asked_for_is_nothing_done() -> None:
    assert sandbox_of(Settings()) == Sandbox()
    for enclosure in (NO_ENCLOSURE, made()):
        assert (enclosure.supervisor_words, enclosure.files, enclosure.limited) == ((), (), None)


def test_the_order_in_which_rungs_are_named_does_not_matter() -> None:
    assert len({sandbox_of(Settings(sandbox=order)) for order in permutations(EVERY)}) == 1


def test_all_together_are_in_the_one_order_that_works() -> None:
    words = " ".join(made(*EVERY).supervisor_words)
    order = [
        "unshare pid fork write",
        f"{GROUP}/cgroup.procs 0 unshare mount,uts,ipc,cgroup mount none /",
        "overlay lowerdir=/,",
        "unbindable mount /proc",
        "mount /run/hop",
        "pivot",
        "mount proc /proc proc",
        "unshare user no-store-bypass no-new-privs seccomp /results/stack/seccomp.bpf",
    ]
    places = [words.index(piece) for piece in order]
    assert places == sorted(places)
    assert words.endswith(order[-1])


def test_who_is_not_root_is_in_a_user_namespace_before_all_else() -> None:
    assert made("namespaces", as_root=False).supervisor_words[:3] == ("unshare", "user,pid", "fork")
    assert made("user", as_root=False).supervisor_words == ("unshare", "user", "fork")
    assert made("seccomp", as_root=False).supervisor_words == made("seccomp").supervisor_words


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("as_root", [True, False])
def test_every_step_is_one_that_the_program_knows(name: str, as_root: bool) -> None:
    words = [word for word in made(name, as_root=as_root).supervisor_words if word != "fork"]
    while words:
        count = enter.STEPS[words[0]].__code__.co_argcount
        assert len(words) > count
        words = words[1 + count :]


@pytest.mark.parametrize("name", EVERY)
def test_a_rung_says_what_it_stands_for(name: str) -> None:
    assert re.search("docker|podman|containerd|container", plugins.load(SandboxRung, name).stands_for)


def test_a_quota_takes_a_control_group_and_is_written_before_anybody_is_in_it() -> None:
    asked = sandbox_of(Settings(cpu_quota=0.5))
    assert asked.has_group
    limited = Enclosure(asked, quota=((GROUP / "cpu.max", "50000 100000"),), groups=(GROUP,))
    assert limited.limited == GROUP
    assert [step[1:] for step in limited.cgroup_steps] == [
        (f"{GROUP}/cpu.max", "50000 100000"),
        (f"{GROUP}/cgroup.procs", "0"),
    ]


def test_by_hand_it_is_the_same_in_commands() -> None:
    text = "\n".join(sandbox_commands(made("cgroup", "mounts", "namespaces"), ["nginx", "-c", "a conf"]))
    assert f"mkdir {GROUP}\necho 0 > {GROUP}/cgroup.procs\n" in text
    assert "unshare --mount --pid --uts --ipc --cgroup --fork --kill-child /bin/sh" in text
    assert "mount --make-rprivate /\n" in text
    assert "mount --rbind /dev /dev/shm/barehop-89abcdef/root-app/merged/dev\n" in text
    assert "mount -t proc -o nosuid,nodev,noexec proc /proc\nexec nginx -c 'a conf'" in text


def test_what_no_command_can_do_a_program_of_ours_does() -> None:
    last = sandbox_commands(made("seccomp", "user"), ["nginx"])[-1]
    assert last.startswith("exec ")
    assert last.endswith("enter.py unshare user no-new-privs seccomp /results/stack/seccomp.bpf -- nginx")
    assert unshare_command(made("seccomp", "user")) == ""


def test_by_hand_an_ordinary_user_mounts_in_a_user_namespace_by_our_program_too() -> None:
    ordinary = made("namespaces", as_root=False)
    assert unshare_command(ordinary).startswith("unshare --user --map-current-user --keep-caps --mount --pid ")
    assert sandbox_commands(ordinary, ["nginx"])[-1].endswith("mount proc /proc proc nosuid,nodev,noexec -- nginx")
