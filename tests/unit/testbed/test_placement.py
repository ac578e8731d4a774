from dataclasses import replace
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.errors import MachineError
from harness.model import RoleCpuNumbers
from harness.testbed.machine.placement import Placement, placement_of
from harness.testbed.machine.topology import UNKNOWN, Cpu, Topology


def topology(*cpus: Cpu) -> Topology:
    ordered = tuple(sorted(cpus, key=lambda cpu: cpu.number))
    return Topology(ordered, frozenset(cpu.number for cpu in ordered))


def machine(sockets: int, cores: int, threads: int = 1) -> Topology:
    """Numbered as Linux does on most x86 servers: first one thread of every core, then their siblings."""
    total = sockets * cores
    return topology(
        *(
            Cpu(core + thread * total, core, package=core // cores, node=core // cores, llc=core // cores * cores)
            for core in range(total)
            for thread in range(threads)
        )
    )


def cpus(placement: Placement) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    return placement.cpus["client"], placement.cpus["nginx"], placement.cpus["app"]


def test_one_cpu_is_shared_by_everybody() -> None:
    for wanted in ("auto", "shared", "same-cpu", "none"):
        assert cpus(placement_of(wanted, machine(1, 1), 1)) == ((0,), (0,), (0,))


def test_one_cpu_cannot_be_split_and_the_message_says_what_to_do() -> None:
    with pytest.raises(MachineError, match=r'only CPU 0 is allowed here\. Set placement = "shared"'):
        placement_of("split", machine(1, 1), 1)


def test_on_two_cpus_the_client_sits_beside_nginx_and_never_beside_the_app() -> None:
    assert cpus(placement_of("split", machine(1, 2), 1)) == ((1,), (1,), (0,))
    assert cpus(placement_of("shared", machine(1, 2), 1)) == ((0, 1), (0, 1), (0, 1))


def test_on_four_cpus_everybody_has_a_core_and_cpu_0_is_left_alone() -> None:
    split = placement_of("split", machine(1, 4), 1)
    assert cpus(split) == ((3,), (1,), (2,))
    assert split.reason == (
        "nginx on CPU 1, the app on CPU 2, the client on CPU 3: separate cores with a shared last-level cache; "
        "CPU 0 is left to interrupts."
    )


def test_shared_is_the_union_of_what_split_gives() -> None:
    assert cpus(placement_of("shared", machine(1, 4), 1)) == ((3,), (1, 2), (1, 2))


def test_same_cpu_is_one_cpu_for_everybody_however_many_workers() -> None:
    assert cpus(placement_of("same-cpu", machine(1, 4), 2)) == ((2,), (2,), (2,))


def test_two_cores_of_two_threads_keep_the_app_on_a_core_of_its_own() -> None:
    client, nginx, app = cpus(placement_of("split", machine(1, 2, threads=2), 1))
    assert (client, nginx, app) == ((3,), (1,), (2,))


def test_the_threads_of_the_only_core_are_better_than_no_split() -> None:
    split = placement_of("auto", machine(1, 1, threads=2), 1)
    assert cpus(split) == ((1,), (1,), (0,))
    assert "threads of one core" in split.reason


def test_on_two_sockets_all_stay_in_one_and_leave_the_siblings_idle() -> None:
    big = machine(2, 16, threads=2)
    assert cpus(placement_of("auto", big, 4)) == ((6,), (1,), (2, 3, 4, 5))


def test_too_many_workers_for_a_socket_spill_over_to_the_next() -> None:
    spilled = placement_of("split", machine(2, 16, threads=2), 16)
    assert cpus(spilled) == ((18,), (1,), tuple(range(2, 18)))
    assert "in several sockets" in spilled.reason


def test_more_workers_than_cores_share_what_there_is() -> None:
    assert cpus(placement_of("split", machine(1, 4), 256)) == ((0,), (1,), (2, 3))


def test_the_socket_that_has_room_without_cpu_0_is_chosen() -> None:
    big = machine(2, 4)
    allowed = Topology(tuple(cpu for cpu in big.cpus if cpu.number != 1), big.online)
    assert cpus(placement_of("split", allowed, 1)) == ((6,), (4,), (5,))


def test_a_common_cache_is_worth_using_cpu_0() -> None:
    chips = topology(*(Cpu(number, number, package=0, node=0, llc=number // 3 * 3) for number in range(5)))
    assert cpus(placement_of("split", chips, 1)) == ((0,), (1,), (2,))


def test_like_cores_are_preferred_to_fast_ones() -> None:
    fast = [Cpu(n, n // 2 * 2, 0, 0, 0, speed=1.0 if n < 2 else 0.95) for n in range(4)]
    slow = [Cpu(n, n, 0, 0, 0, speed=0.7) for n in range(4, 12)]
    assert cpus(placement_of("split", topology(*fast, *slow), 1)) == ((6,), (4,), (5,))
    mixed = placement_of("split", topology(*fast, slow[0]), 1)
    assert cpus(mixed) == ((1,), (2,), (4,))
    assert "not all of the same speed" in mixed.reason


def test_turbo_favourites_do_not_make_cores_unlike() -> None:
    cores = [Cpu(n, n, 0, 0, 0, speed=1.0 if n == 2 else 0.93) for n in range(4)]
    split = placement_of("split", topology(*cores), 1)
    assert sorted(split.cpus["nginx"] + split.cpus["app"] + split.cpus["client"]) == [1, 2, 3]
    assert "speed" not in split.reason


def test_unknown_caches_are_called_unknown() -> None:
    blank = topology(*(Cpu(n, n) for n in range(4)))
    assert blank.cpus[0].llc == UNKNOWN
    assert "with unknown caches" in placement_of("auto", blank, 1).reason


def test_nobody_is_pinned_by_none() -> None:
    free = placement_of("none", machine(1, 4), 1)
    assert cpus(free) == ((0, 1, 2, 3),) * 3
    assert free.reason == "No process is pinned: the scheduler chooses among the allowed CPUs (0-3)."


def test_given_cpus_are_taken_as_they_are() -> None:
    given_lists = RoleCpuNumbers(client=(3, 3), nginx=(0,), app=(2, 1))
    assert cpus(placement_of(given_lists, machine(1, 4), 1)) == ((3,), (0,), (1, 2))


def test_every_cpu_that_cannot_be_had_is_named_in_one_error() -> None:
    four = machine(1, 4)
    allowed = replace(four, cpus=four.cpus[:2])
    with pytest.raises(MachineError) as raised:
        placement_of(RoleCpuNumbers(client=(9,), nginx=(0,), app=(1, 3)), allowed, 1)
    assert str(raised.value).splitlines() == [
        "The placement gives client CPU 9, which is offline or does not exist. Choose among the CPUs 0-1.",
        "The placement gives app CPU 3, which this process may not use (it is not in its cpuset). "
        "Choose among the CPUs 0-1.",
    ]


@given(
    st.builds(machine, st.integers(1, 3), st.integers(1, 8), st.integers(1, 4)),
    st.integers(1, 40),
    st.randoms(use_true_random=False),
)
def test_a_split_keeps_its_promises_on_any_machine(whole: Topology, workers: int, random: Random) -> None:
    assume(len(whole.cpus) >= 2)
    some = random.sample(whole.cpus, random.randint(2, len(whole.cpus)))
    cores = {cpu.number: cpu.core for cpu in some}
    split = placement_of("split", topology(*some), workers)
    client, nginx, app = (set(numbers) for numbers in cpus(split))
    assert not (nginx | client) & app
    assert client | nginx | app <= set(cores)
    assert len(client) == len(nginx) == 1
    assert 1 <= len(app) <= workers
    if len(set(cores.values())) > 1:
        assert not {cores[n] for n in nginx | client} & {cores[n] for n in app}
        assert len({cores[n] for n in app}) == len(app)
    if len(set(cores.values())) > 2:
        assert client != nginx
    assert placement_of("split", topology(*reversed(some)), workers) == split


def test_a_placement_by_hand_may_name_cpus_that_only_our_mask_leaves_out() -> None:
    whole = machine(1, 4)
    masked = replace(whole, cpus=whole.cpus[:1], outside_affinity=whole.cpus[1:3], isolated=frozenset({2}))
    given = placement_of(RoleCpuNumbers(client=(0,), nginx=(1,), app=(2,)), masked, 1)
    assert cpus(given) == ((0,), (1,), (2,))
    assert "isolated from other processes: CPU 2" in given.reason
    assert cpus(placement_of("auto", masked, 1)) == ((0,), (0,), (0,))


def test_cpus_that_cannot_be_had_are_refused_by_number_each_with_its_reason() -> None:
    whole = replace(machine(1, 4), present=frozenset(range(6)))
    narrow = replace(whole, cpus=whole.cpus[:1], outside_affinity=whole.cpus[1:2])
    with pytest.raises(MachineError) as refused:
        placement_of(RoleCpuNumbers(client=(3,), nginx=(5,), app=(1, 9)), narrow, 1)
    lines = str(refused.value).splitlines()
    assert [line.partition("Choose")[2] for line in lines] == [" among the CPUs 0-1."] * 3
    assert "client CPU 3, which this process may not use (it is not in its cpuset)" in lines[0]
    assert "nginx CPU 5, which is offline (root can change that: echo 1 >" in lines[1]
    assert "app CPU 9, which does not exist" in lines[2]
