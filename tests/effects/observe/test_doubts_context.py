"""The scene of a real stack: its processes, logs and sockets are there to be read."""

import os
from collections.abc import Iterator

import psutil
import pytest

from harness.load.probe import probe_target
from harness.model import Arm, Design, Experiment, Settings
from harness.observe.doubts.context import Context, context_of
from harness.observe.doubts.cpus import read_preemptions
from harness.observe.doubts.system import stray_doubts
from harness.testbed.blueprint import Machine, blueprint_of, survey_machine
from harness.testbed.machine.directories import free_ports
from harness.testbed.machine.procfs import filesystem_of
from harness.testbed.stack.start import start_stacks

KNOB = "net.ipv4.tcp_sack"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    found = survey_machine(tmp_path_factory.getbasetemp())
    if len(found.topology.cpus) < 2 or found.parents["tmpfs"] is None:
        pytest.skip("needs two CPUs and a directory on tmpfs")
    return found


@pytest.fixture(scope="module")
def scene(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    arms = (Arm(name="a", settings=Settings(transport="uds-tmpfs")),)
    blueprint = blueprint_of(arms, tmp_path_factory.mktemp("stack"), machine, free_ports())
    with start_stacks([blueprint], probe_target) as stacks:
        yield context_of(stacks, experiment(*arms), {"sysctls": {}})


def experiment(*arms: Arm) -> Experiment:
    return Experiment(name="watched", question="Who is there?", arms=arms, pairs=(), design=Design())


def test_every_role_has_processes_and_the_client_is_this_one(scene: Context) -> None:
    (crew,) = scene.processes
    assert crew.pids["client"] == (os.getpid(),)
    assert all(psutil.pid_exists(pid) for pids in crew.pids.values() for pid in pids)
    assert crew.pids.keys() == crew.placement.cpus.keys()


def test_logs_and_sockets_are_where_the_scene_says(scene: Context) -> None:
    assert [(log.server, log.path.name) for log in scene.logs] == [("gunicorn", "gunicorn.log"), ("nginx", "nginx.log")]
    assert all(log.path.is_file() for log in scene.logs)
    assert [(path / "hop.sock").is_socket() for path in scene.socket_directories] == [True]
    assert [filesystem_of(directory).kind for directory in scene.socket_directories] == ["tmpfs"]


def test_switches_are_counted_where_a_role_has_its_cpus_to_itself(scene: Context) -> None:
    counted = read_preemptions(scene).involuntary
    assert scene.processes[0].pids["app"] == tuple(pid for role, _, pid in counted if role == "app")


def test_a_worker_that_is_moved_to_other_cpus_is_doubted(scene: Context, machine: Machine) -> None:
    worker = psutil.Process(scene.processes[0].pids["app"][0])
    placed = worker.cpu_affinity()
    before = list(stray_doubts(scene))
    worker.cpu_affinity(list(machine.topology.numbers))
    (doubt,) = stray_doubts(scene)
    worker.cpu_affinity(placed)
    assert before == list(stray_doubts(scene)) == []
    assert f"Thread {worker.pid}" in doubt.seen


def test_knobs_and_other_networks_are_known_from_the_arms() -> None:
    bare = Arm(name="a", settings=Settings(knobs={KNOB: 0}))
    bridged = Arm(name="b", settings=Settings(network="bridge"))
    alone, both = context_of([], experiment(bare), {}), context_of([], experiment(bare, bridged), {})
    assert alone.knobs == both.knobs == {KNOB}
    assert (alone.bare, both.bare) == (True, False)
