"""Knobs as data: what a value of each changes, how the kernel spells it, which rounds are visited in which order."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import plugins
from harness.model import Knob, KnobValue
from harness.model.plugins import FileText, ValueForm
from harness.testbed.kernel.actions import action_of, normalize
from harness.testbed.kernel.host_values import order_in_blocks
from harness.testbed.kernel.knob_settings import KernelConfiguration, KnobSetting, sysctl_file, sysctl_knob

GOOD: dict[str, KnobValue] = {
    "boot.isolcpus": "2,3", "boot.mitigations": "off", "boot.nohz_full": "1", "boot.rcu_nocbs": "1",
    "conntrack": "on", "cpu.boost": "off", "cpu.dma_latency_us": 0, "cpu.governor": "performance",
    "cpu.haltpoll_ns": 1000, "cpu.smt": "off", "irq.affinity": "0", "lo.gso": 3000, "lo.mtu": 1500, "lo.rps": "0-1",
    "nice": 5, "route.congctl": "reno", "route.quickack": 1, "sched.autogroup": 0, "sched.base_slice_ns": 1_000_000,
    "sched.policy": "batch", "thp.defrag": "defer", "thp.enabled": "never", "timer_slack_ns": 1000,
}  # fmt: skip
BAD: dict[str, KnobValue] = dict.fromkeys(GOOD, "nonsense?!")
BAD |= dict.fromkeys(("cpu.governor", "thp.defrag", "thp.enabled"), 1)
BAD |= dict.fromkeys((name for name in GOOD if name.startswith("boot.")), "")


def knob(name: str) -> Knob:
    return plugins.table(Knob)[name]


@pytest.mark.parametrize("name", plugins.table(Knob))
def test_every_knob_knows_a_good_value_from_a_bad_one(name: str) -> None:
    assert knob(name).problem(GOOD[name]) is None
    problem = knob(name).problem(BAD[name])
    assert problem
    assert problem.startswith("must ")
    assert problem.endswith(".")


@pytest.mark.parametrize("name", [name for name in plugins.table(Knob) if not name.startswith("boot.")])
def test_every_change_can_be_made_by_hand(name: str) -> None:
    for change in knob(name).changes(GOOD[name]):
        assert (
            str(GOOD[name]) in action_of(change).command
            or action_of(change).wanted in action_of(change).command
            or name == "conntrack"
        )


@pytest.mark.parametrize(
    ("text", "form", "same"),
    [
        ("4096\t131072\t6291456\n", "words", "4096 131072 6291456"),
        ("always [madvise] never\n", "choice", "madvise"),
        ("madvise", "choice", "madvise"),
        ("00000000,00000003\n", "mask", "3"),
        ("0-2,8\n", "cpus", "0-2,8"),
        ("0,1,2,8", "cpus", "0-2,8"),
    ],
)
def test_one_spelling_for_all_that_mean_the_same(text: str, form: ValueForm, same: str) -> None:
    assert normalize(text, form) == same


def test_steering_is_written_as_the_kernel_reads_masks() -> None:
    masks = {value: knob("lo.rps").changes(value)[0] for value in ("none", "0-1", "0,2", "33")}
    assert {value: change.text for value, change in masks.items() if isinstance(change, FileText)} == {
        "none": "0",
        "0-1": "3",
        "0,2": "5",
        "33": "2,00000000",
    }


def test_a_sysctls_file_is_where_its_name_says() -> None:
    assert str(sysctl_file("net.ipv4.tcp_sack")) == "/proc/sys/net/ipv4/tcp_sack"
    assert str(sysctl_file("net.ipv4.conf.eth0/7.mtu")) == "/proc/sys/net/ipv4/conf/eth0.7/mtu"


def test_what_is_of_tcp_alone() -> None:
    names = ("net.ipv4.tcp_sack", "net.core.somaxconn", "net.unix.max_dgram_qlen", "vm.swappiness")
    assert [sysctl_knob(name, "network").touches for name in names] == ["tcp", "both", "both", "both"]


PLAIN, ONE, TWO, INSIDE = (
    KernelConfiguration(),
    KernelConfiguration((KnobSetting("sched.autogroup", 0, knob("sched.autogroup")),)),
    KernelConfiguration((KnobSetting("sched.autogroup", 1, knob("sched.autogroup")),)),
    KernelConfiguration((KnobSetting("route.quickack", 1, knob("route.quickack")),), own_network=True),
)


@given(st.lists(st.sampled_from([PLAIN, ONE, TWO, INSIDE]), min_size=1, max_size=6).flatmap(
    lambda kernels: st.tuples(st.just(kernels), st.permutations(range(len(kernels))))
))  # fmt: skip
def test_a_round_visits_every_arm_once_and_switches_as_seldom_as_can_be(
    drawn: tuple[list[KernelConfiguration], list[int]],
) -> None:
    kernels, order = drawn
    blocks = order_in_blocks(order, kernels)
    values = [kernels[place].of_scopes("global") for place in blocks]
    switches = sum(one != other for one, other in pairwise(values))
    assert sorted(blocks) == sorted(order)
    assert blocks[0] == order[0]
    assert switches == len(set(values)) - 1
    if len(set(values)) == 1:
        assert blocks == order
