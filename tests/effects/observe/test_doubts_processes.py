"""Threads astray, processes taken off their CPUs, a busy client, quotas and swap become doubts."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.model import Doubt
from harness.observe.doubts.cpus import (
    ClientTime,
    client_doubts,
    preemption_doubts,
    quota_doubts,
    read_client,
    read_preemptions,
    read_quota,
)
from harness.observe.doubts.system import read_swap, stray_doubts, swap_doubts
from harness.testbed.processes.process import ProcessFamily
from tests.support.fake_machine import APP, CLIENT, NGINX, Machine, doubted, doubted_after, quiet_machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return quiet_machine(tmp_path)


def test_a_server_thread_that_was_moved_is_doubted(machine: Machine) -> None:
    def meanwhile() -> None:
        machine.change(f"proc/{APP}/task/{APP}/status", r"^Cpus_allowed_list:.*$", "Cpus_allowed_list:\t0-1")

    (doubt,) = doubted_after(stray_doubts, machine.scene, meanwhile)
    assert doubt.kind == "affinity"
    assert f"Thread {APP} (python) of app may run on CPUs 0-1" in doubt.seen


def test_a_child_of_the_app_that_moved_itself_is_doubted(machine: Machine) -> None:
    supervisor, child = APP + 20, APP + 21
    machine.write(f"proc/{supervisor}/task/{supervisor}/children", f"{APP} {child} ")
    machine.write(f"proc/{child}/task/{child}/status", "Name:\tresizer\nCpus_allowed_list:\t0\n")
    (crew,) = machine.scene.processes
    family = ProcessFamily(workers=(APP,), supervisors=(supervisor,))
    scene = replace(machine.scene, processes=(replace(crew, families={"app": family}),))

    def meanwhile() -> None:
        machine.change(f"proc/{child}/task/{child}/status", r"^Cpus_allowed_list:.*$", "Cpus_allowed_list:\t1")

    assert doubted_after(stray_doubts, scene) == []
    (doubt,) = doubted_after(stray_doubts, scene, meanwhile)
    assert doubt.kind == "affinity"
    assert doubt.seen == (f"Thread {child} (resizer) of app may run on CPUs 1, but the placement pins app to 0.")


def test_threads_that_stayed_and_idle_threads_of_the_client_are_no_doubt(machine: Machine) -> None:
    machine.write(f"proc/{CLIENT}/task/{CLIENT + 5}/status", "Name:\tpolars-0\nCpus_allowed_list:\t0-1\n")
    assert doubted_after(stray_doubts, machine.scene, lambda: None) == []


def switches_doubted(machine: Machine, pid: int, times: int, requests: int) -> list[Doubt]:
    def meanwhile() -> None:
        machine.change(f"proc/{pid}/status", r"^nonvoluntary.*$", f"nonvoluntary_ctxt_switches:\t{times}")

    machine.change(f"proc/{pid}/status", r"^nonvoluntary.*$", "nonvoluntary_ctxt_switches:\t0")
    after = replace(machine.scene, requests=requests)
    return doubted(read_preemptions, preemption_doubts, machine.scene, meanwhile, after)


def test_an_app_that_is_taken_off_its_own_cpu_in_half_of_the_requests_is_no_doubt_and_more_often_is(
    machine: Machine,
) -> None:
    assert switches_doubted(machine, APP, times=500, requests=1000) == []
    (doubt,) = switches_doubted(machine, APP, times=501, requests=1000)
    assert doubt.kind == "preempted"
    assert doubt.seen == "app was preempted on CPU 0 0.5 times per request, although it is the only role pinned there."


@pytest.mark.parametrize("pid", [CLIENT, NGINX])
def test_roles_that_share_a_cpu_take_each_other_off_it(machine: Machine, pid: int) -> None:
    assert switches_doubted(machine, pid, times=5000, requests=1000) == []


def test_switches_before_the_visits_do_not_count(machine: Machine) -> None:
    machine.change(f"proc/{APP}/status", r"^nonvoluntary.*$", "nonvoluntary_ctxt_switches:\t90000")
    after = replace(machine.scene, requests=10)
    assert doubted(read_preemptions, preemption_doubts, machine.scene, lambda: None, after) == []


def test_a_process_that_has_gone_is_not_doubted_but_missed_elsewhere(machine: Machine) -> None:
    def meanwhile() -> None:
        (machine.top / f"proc/{APP}/status").unlink()

    assert doubted(read_preemptions, preemption_doubts, machine.scene, meanwhile) == []


START = ClientTime(clock_s=100, own_s=5, tools_s=2, cpus=1)


def test_a_client_at_work_in_nine_tenths_of_the_time_is_no_doubt_and_longer_is() -> None:
    assert list(client_doubts(START, ClientTime(110, 14, 2, 1))) == []
    (doubt,) = client_doubts(START, ClientTime(110, 14.1, 2, 1))
    assert doubt.kind == "client-bound"
    assert "91 % of the time" in doubt.seen


def test_an_outside_tool_may_fill_all_the_cpus_of_the_client() -> None:
    assert list(client_doubts(START, ClientTime(110, 5, 20, cpus=2))) == []
    assert list(client_doubts(START, ClientTime(110, 5, 20.1, cpus=2)))


def test_client_and_tool_take_turns_so_their_times_are_not_added() -> None:
    assert list(client_doubts(START, ClientTime(110, 10, 7, 1))) == []


def test_the_client_is_given_as_many_cpus_as_its_narrowest_placement(machine: Machine) -> None:
    assert read_client(machine.scene).cpus == 1
    assert read_client(replace(machine.scene, processes=())).cpus == 1


def test_a_hundred_pages_of_swap_are_no_doubt_and_more_are(machine: Machine) -> None:
    def swap(pages_in: int, pages_out: int) -> Callable[[], None]:
        def meanwhile() -> None:
            machine.change("proc/vmstat", r"^pswpin \d+$", f"pswpin {pages_in}")
            machine.change("proc/vmstat", r"^pswpout \d+$", f"pswpout {pages_out}")

        return meanwhile

    assert doubted(read_swap, swap_doubts, machine.scene, swap(40, 60)) == []
    swap(0, 0)()
    (doubt,) = doubted(read_swap, swap_doubts, machine.scene, swap(40, 61))
    assert (doubt.kind, doubt.seen) == ("swap", "101 pages of memory were swapped in or out.")


@pytest.mark.parametrize("level", ["cpu.stat", "bench/cpu.stat"])
def test_one_period_without_cpu_time_is_doubted_on_every_level_above_us(machine: Machine, level: str) -> None:
    def meanwhile() -> None:
        machine.change(f"sys/fs/cgroup/cpu/{level}", r"^nr_throttled 3$", "nr_throttled 4")

    assert doubted(read_quota, quota_doubts, machine.scene, lambda: None) == []
    (doubt,) = doubted(read_quota, quota_doubts, machine.scene, meanwhile)
    assert doubt.kind == "quota"
    assert "1 times" in doubt.seen


def test_a_quota_of_cgroup_2_is_read_too(machine: Machine) -> None:
    machine.write("proc/self/cgroup", "0::/bench\n")
    machine.write("sys/fs/cgroup/unified/bench/cpu.stat", "usage_usec 9\nnr_throttled 0\nthrottled_usec 0\n")
    machine.change("proc/self/mountinfo", r"^32.*\n", "")

    def meanwhile() -> None:
        machine.change("sys/fs/cgroup/unified/bench/cpu.stat", "nr_throttled 0", "nr_throttled 2")

    (doubt,) = doubted(read_quota, quota_doubts, machine.scene, meanwhile)
    assert "2 times" in doubt.seen
