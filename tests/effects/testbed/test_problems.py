"""What is wrong around a stack is found before one is started: each with the number, or the command, that mends it."""

import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.errors import MachineError
from harness.experiment.document import parse_document
from harness.experiment.read import build_experiment
from harness.model import Experiment
from harness.session.preflight import resource_demand
from harness.testbed.machine.procfs import Roots
from harness.testbed.machine.resources import MIB, ResourceDemand, loopback_problem, require_proc, resource_problems

ROOT = Path(__file__).parents[3]
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
SMALL = ResourceDemand(connections=1, files=100, processes=10, memory_bytes=64 * MIB)
ASK_LO = "from harness.testbed.machine.resources import loopback_problem; print(loopback_problem())"
V2 = "30 27 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw"


def experiment(**settings: object) -> Experiment:
    return build_experiment(parse_document({"name": "x", "arm": settings, "arms": {"a": {}, "b": {"path": "/other"}}}))


@contextmanager
def limit(what: int, most: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(what, (soft, hard))


def in_a_shell(line: str, python: str) -> str:
    argv = ["sh", "-c", f'{line} && exec "$@"', "sh", sys.executable, "-c", python]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def groups(top: Path, files: Mapping[str, str]) -> Roots:
    """A machine with version 2 of control groups, on which ours is /our/own."""
    texts = {"proc/self/mountinfo": V2, "proc/self/cgroup": "0::/our/own", **files}
    for name, text in texts.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(f"{text}\n")
    return Roots(top)


@AS_ROOT
@pytest.mark.needs_root
@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("true", "lo is down: ip link set lo up"),
        ("ip link set lo up && ip address del 127.0.0.1/8 dev lo", "lo has no address 127.0.0.1: ip address add"),
        ("ip link set lo up", "None"),
    ],
)
def test_a_loopback_interface_that_cannot_be_used_is_named_with_the_command(line: str, sentence: str) -> None:
    argv = ["unshare", "--net", "sh", "-c", f'{line} && exec "$@"', "sh", sys.executable, "-c", ASK_LO]
    said = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said.startswith(sentence)


def test_here_lo_is_up() -> None:
    assert loopback_problem() is None


def test_without_proc_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"^/proc is not mounted: mount -t proc proc /proc$"):
        require_proc(Roots(tmp_path))


def test_too_few_open_files_are_told_with_the_number_that_is_enough() -> None:
    ask = (
        "from harness.testbed.machine.resources import ResourceDemand, resource_problems; "
        "print(*resource_problems(ResourceDemand(200, {}, 1, 0)))"
    )
    said = in_a_shell("ulimit -n 256", ask.format(512))
    assert said.startswith("200 connections at once take 512 open files in one process, and 256 are allowed here")
    assert "ulimit -n 512;" in said
    assert in_a_shell("ulimit -n 512", ask.format(512)) == ""
    assert in_a_shell("ulimit -S -n 256", ask.format(512)) == ""


@pytest.mark.parametrize("settings", [{"connections": 200}, {"connections": 200, "client_keepalive": True}])
def test_connections_that_are_kept_add_up_over_arms(settings: dict[str, object]) -> None:
    files = resource_demand(experiment(**settings)).files
    assert files > (3 * 2 * 200 if "client_keepalive" in settings else 2 * 200)
    assert files < (3 * 2 * 200 if "client_keepalive" in settings else 2 * 200) + 200


def test_arms_at_a_rate_keep_few_connections_of_those_that_one_of_them_opens() -> None:
    files = resource_demand(experiment(client_keepalive=True, rate="50%")).files
    assert 2 * 1000 < files < 2 * (1000 + 3 * 32) + 200


def test_more_stacks_and_workers_need_more_processes_and_memory() -> None:
    one, many = resource_demand(experiment()), resource_demand(experiment(processes="separate", workers=8))
    assert many.processes >= one.processes + 3 * 7
    assert many.memory_bytes > 8 * one.memory_bytes


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("our/pids.max", "45", r"has 40 of at most 45 \(pids\.max\)\. Allow 50"),
        ("our/own/pids.max", "45", r"has 40 of at most 45 \(pids\.max\)\. Allow 50"),
        (
            "our/own/memory.max",
            str(120 * MIB),
            r"take about 64 MiB of memory, and the control group .* has 40 MiB left",
        ),
    ],
)
def test_a_narrow_control_group_on_any_level_is_told(tmp_path: Path, name: str, value: str, sentence: str) -> None:
    group = "sys/fs/cgroup/our"
    facts = {
        **{f"{group}/{each}": "40" for each in ("pids.current", "own/pids.current")},
        f"{group}/own/memory.current": str(100 * MIB),
        f"{group}/own/memory.stat": f"anon 5\ninactive_file {20 * MIB}",
        f"{group}/own/memory.max": "max",
    }
    assert list(resource_problems(SMALL, groups(tmp_path / "wide", facts))) == []
    [problem] = resource_problems(SMALL, groups(tmp_path / "narrow", facts | {f"sys/fs/cgroup/{name}": value}))
    assert re.search(sentence, problem)


def test_a_user_who_may_start_no_more_processes_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with limit(resource.RLIMIT_NPROC, 1):
        assert any("(ulimit -u)" in problem for problem in resource_problems(SMALL))
