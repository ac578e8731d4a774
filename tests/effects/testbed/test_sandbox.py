"""Servers run in every sandbox that this machine has, and when they are gone nothing of it is left."""

import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from harness import plugins
from harness.load.probe import probe_target
from harness.model import Reply, SandboxRung, Settings, Target
from harness.observe.counters import watch_throttling
from harness.observe.proof import prove
from harness.testbed.availability import rung_problems
from harness.testbed.machine.cgroups import cgroup_parents
from harness.testbed.machine.directories import DIRECTORY_PREFIX, remove_leftovers
from harness.testbed.machine.procfs import Roots, read_mounts
from harness.testbed.processes.process import SupervisedCommand, start_command
from harness.testbed.sandbox.spec import Sandbox, enclosure_of
from tests.support.misbehaving_services import PROGRAMS, eventually, python_environment
from tests.support.stacks import answer, arm, blueprint_for, stack_of

EVERY = tuple(plugins.names(SandboxRung))


def possible(*rungs: str) -> tuple[str, ...]:
    """Those of `rungs` that can be had here."""
    return tuple(name for name in rungs if not list(rung_problems(Settings(sandbox=(name,)))))


def needs(settings: Settings) -> None:
    if problems := list(rung_problems(settings)):
        pytest.skip(problems[0])


def groups() -> set[Path]:
    """Every control group of ours that there is, of whichever run."""
    return {path for parent in cgroup_parents() for path in parent.glob(f"{DIRECTORY_PREFIX}*")}


@contextmanager
def nothing_left() -> Iterator[None]:
    """Mounts and processes are what they were; other runs on this machine have control groups of their own."""
    before = Path("/proc/self/mountinfo").read_text(), psutil.Process().children(recursive=True)
    yield
    assert (Path("/proc/self/mountinfo").read_text(), psutil.Process().children(recursive=True)) == before


@pytest.mark.parametrize("rungs", [*((name,) for name in EVERY), EVERY], ids=[*EVERY, "all"])
def test_every_arm_of_a_sandbox_is_served_and_proved(tmp_path: Path, rungs: tuple[str, ...]) -> None:
    had = possible(*rungs)
    if not had:
        pytest.skip(next(rung_problems(Settings(sandbox=rungs))))
    arms = [arm(transport, transport=transport, sandbox=had) for transport in ("tcp", "uds-tmpfs", "uds-dir")]
    blueprint = blueprint_for(tmp_path, *arms)
    own = {group for one in blueprint.enclosures.values() for group in one.groups}
    with nothing_left():
        with stack_of(blueprint) as stack:
            proofs = prove([stack])
            assert {answer(target).status for target in blueprint.targets.values()} == {200}
            assert own <= groups()
        assert not own & groups()
    seen = proofs["tcp"]["sandbox"]
    assert set(seen) == {"nginx", "app"}
    here = {entry.name: str(entry.readlink()) for entry in Path("/proc/self/ns").iterdir()}
    changed = {kind for kind, value in seen["app"]["namespaces"].items() if value != here[kind]}
    assert changed == expected_namespaces(had)
    assert (seen["app"]["status"]["Seccomp"], seen["nginx"]["status"]["NoNewPrivs"]) == (
        ("2", "1") if "seccomp" in had else ("0", "0")
    )


def expected_namespaces(rungs: tuple[str, ...]) -> set[str]:
    of = {"mounts": {"mnt"}, "namespaces": {"mnt", "pid", "uts", "ipc", "cgroup"}, "user": {"user"}}
    found = {kind for name in rungs for kind in of.get(name, set())}
    return found | {"user"} if found and os.geteuid() else found


def test_bare_servers_and_an_app_without_nginx_are_in_the_sandbox_too(tmp_path: Path) -> None:
    had = possible("namespaces", "seccomp", "cgroup")
    arms = [arm(chain, chain=chain, sandbox=had) for chain in ("floor", "app-direct")]
    with nothing_left(), stack_of(blueprint_for(tmp_path, *arms)) as stack:
        assert ("bare-00" in prove([stack])["floor"].get("sandbox", {})) == bool(had)


def test_a_quota_stops_the_servers_and_it_is_counted(tmp_path: Path) -> None:
    needs(Settings(cpu_quota=0.1))
    blueprint = blueprint_for(tmp_path, arm("slow", cpu_quota=0.1))
    with nothing_left(), stack_of(blueprint) as stack:
        prove([stack])
        since = watch_throttling([stack])
        assert since() == {"slow": {role: dict.fromkeys(since()["slow"][role], 0) for role in ("nginx", "app")}}
        assert is_served(blueprint.targets["slow"], path="/spike/30000")  # three times the quota of a period, in us
        assert eventually(lambda: since()["slow"]["app"]["throttled_periods"])


def test_sigkill_of_the_maker_leaves_no_process_mount_or_group(tmp_path: Path) -> None:
    had = possible(*EVERY)
    with nothing_left():
        maker = subprocess.Popen(
            [sys.executable, PROGRAMS / "sandbox_holder.py", tmp_path, json.dumps(had)],
            stdout=subprocess.PIPE,
            text=True,
            env=python_environment(),
        )
        try:
            assert maker.stdout is not None
            said = json.loads(maker.stdout.readline())
            pids, made = said["pids"], [Path(path) for path in said["paths"]]
            assert all(map(psutil.pid_exists, pids))
            assert all(path.exists() for path in made)
        finally:
            maker.kill()
            maker.communicate()
        assert eventually(lambda: not any(map(psutil.pid_exists, pids)))
        assert eventually(lambda: not any(path.exists() for path in made))


def test_a_killed_supervisor_takes_its_namespaces_along(tmp_path: Path) -> None:
    needs(Settings(sandbox=("namespaces",)))
    with stack_of(blueprint_for(tmp_path, arm(sandbox=("namespaces",)))) as stack:
        pids = [stack.app.main_pid(), *stack.pids["app"]]
        os.kill(stack.app.supervisor.pid, signal.SIGKILL)
        assert eventually(lambda: not any(map(psutil.pid_exists, pids)))


def test_the_next_start_removes_the_groups_of_a_killed_supervisor(tmp_path: Path) -> None:
    needs(Settings(sandbox=("namespaces", "cgroup")))
    blueprint = blueprint_for(tmp_path, arm(sandbox=("namespaces", "cgroup")))
    own = {group for enclosure in blueprint.enclosures.values() for group in enclosure.groups}
    with stack_of(blueprint) as stack:
        assert own
        assert own <= groups()
        os.kill(stack.app.supervisor.pid, signal.SIGKILL)
    remove_leftovers()
    assert not own & groups()


def test_the_next_start_removes_a_group_that_nobody_names(tmp_path: Path) -> None:
    needs(Settings(sandbox=("cgroup",)))
    left = enclosure_of(Sandbox(frozenset({"control group"})), "app", tmp_path, (tmp_path,)).groups
    for group in left:
        group.mkdir()
    remove_leftovers()
    assert not any(group.exists() for group in left)


def test_in_version_2_of_control_groups_it_is_the_same(tmp_path: Path) -> None:
    """On a machine that shows nothing but the version 2 that is here, which may have no controllers."""
    real = next((mount.mount_point for mount in read_mounts() if mount.kind == "cgroup2"), None)
    if real is None or not os.access(real, os.W_OK):
        pytest.skip("there is no version 2 of control groups that may be written to")
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/mountinfo").write_text("41 31 0:38 / /two rw - cgroup2 cgroup2 rw\n")
    (tmp_path / "proc/self/cgroup").write_text("0::/\n")
    (tmp_path / "two").symlink_to(real)
    made = enclosure_of(Sandbox(frozenset({"control group"})), "app", tmp_path, (tmp_path,), Roots(tmp_path))
    (group,) = made.groups
    service = SupervisedCommand(
        "idle", ("/bin/sleep", "60"), tmp_path / "log", directories=made.groups, sandbox_steps=made.supervisor_words
    )
    with start_command(service) as started:
        assert eventually(lambda: str(started.main_pid()) in (group / "cgroup.procs").read_text().split())
    assert not group.exists()


def test_the_start_script_brings_the_same_sandboxes_up_by_hand(tmp_path: Path) -> None:
    had = possible(*EVERY)
    blueprint = blueprint_for(tmp_path, arm(transport="uds-dir", sandbox=had))
    with stack_of(blueprint):
        pass
    own = [*blueprint.private_directories, *(group for one in blueprint.enclosures.values() for group in one.groups)]
    with nothing_left():
        script = subprocess.Popen([blueprint.directory / "start.sh"], stdout=subprocess.PIPE, text=True)
        try:
            assert script.stdout is not None
            assert script.stdout.readline().startswith("tcp: http://")
            assert eventually(lambda: is_served(blueprint.targets["tcp"]))
        finally:
            script.terminate()
            script.communicate()
        assert not [path for path in own if path.exists()]


def is_served(target: Target, path: str | None = None) -> bool:
    reply = probe_target(target, path or target.path)
    return isinstance(reply, Reply) and reply.status == 200


def test_what_cannot_be_had_is_told_in_one_sentence_with_the_way_out() -> None:
    if platform.machine() == "x86_64" and "ssbd" not in possible("ssbd"):
        (problem,) = rung_problems(Settings(sandbox=("ssbd",)))
        assert problem.startswith('sandbox = ["ssbd"] is not available here: no-store-bypass: ')
        assert "eave it out." in problem
    assert list(rung_problems(Settings())) == []


@pytest.mark.skipif(not Path("/proc/sys/kernel/seccomp/actions_avail").exists(), reason="needs a kernel with filters")
def test_where_the_kernel_has_filters_of_system_calls_their_rung_is_available() -> None:
    assert list(rung_problems(Settings(sandbox=("seccomp",)))) == []
