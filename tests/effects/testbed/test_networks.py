"""A stack's own network: like the host's but for its knobs, without a trace on the host, and gone with its run."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import psutil
import pytest

from harness.load.probe import probe_target
from harness.model import Arm, Design, Experiment, KnobValue, Reply
from harness.observe.doubts.context import context_of
from harness.observe.doubts.network import read_networks
from harness.observe.proof import prove
from harness.testbed.availability import knob_problems
from harness.testbed.blueprint import blueprints_of
from harness.testbed.kernel.knob_settings import KernelConfiguration, kernel_configurations_of, load_knobs
from harness.testbed.network import namespace
from harness.testbed.network import nft as nft_module
from harness.testbed.network.namespace import create_network
from harness.testbed.network.sysctl_copy import read_network_values
from harness.testbed.processes.process import own_pids
from harness.testbed.stack.network import create_stack_network, network_knob_values
from harness.testbed.stack.start import start_stacks
from tests.support.networks import CHECKOUT, link_target, may_make_one, networks_in_use, of_the_host
from tests.support.stacks import arm, machine_of

TCP_CONGESTION = 13


pytestmark = pytest.mark.skipif(not may_make_one(), reason="needs the right to make network namespaces")


def kernel(name: str, value: KnobValue, **others: KnobValue) -> KernelConfiguration:
    [found] = kernel_configurations_of([[arm(knobs={name: value, **others})]])
    return found


def of_a_connection() -> bytes:
    """The congestion control of a connection over lo."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        with socket.create_connection(server.getsockname()) as client:
            return client.getsockopt(socket.IPPROTO_TCP, TCP_CONGESTION, 16).strip(b"\0")


@pytest.fixture
def host_like() -> Iterator[None]:
    """A host of our own to stand on, whose values may be changed."""
    with create_network() as network, network.enter():
        namespace.bring_up_loopback()
        yield


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """The host's values, its lo and our descriptors are afterwards what they were."""
    before = of_the_host()
    yield
    assert of_the_host() == before


def test_each_knob_is_turned_inside_and_read_back() -> None:
    knobs: dict[str, KnobValue] = {
        "conntrack": "on", "lo.mtu": 1500, "lo.gso": 3000, "route.quickack": 1, "route.congctl": "reno",
    }  # fmt: skip
    wanted = kernel("net.ipv4.tcp_sack", 0, **knobs)
    with create_stack_network(wanted) as stack:
        with stack.base.enter():
            assert network_knob_values(wanted) == {
                "net.ipv4.tcp_sack": "0",
                **{name: str(knobs[name]) for name in knobs},
            }
            assert of_a_connection() == b"reno"
            assert int(Path("/proc/sys/net/netfilter/nf_conntrack_count").read_text()) > 0
        assert namespace.loopback_attribute("mtu") != "1500"


@pytest.mark.needs_root
def test_packets_of_lo_are_steered_inside_only() -> None:
    wanted = kernel("lo.rps", "0")
    with create_stack_network(wanted) as stack, stack.base.enter():
        assert network_knob_values(wanted) == {"lo.rps": "1"}


@pytest.mark.usefixtures("host_like")
def test_what_the_host_has_is_had_inside_too() -> None:
    Path("/proc/sys/net/ipv4/tcp_sack").write_text("0")
    Path("/proc/sys/net/ipv4/conf/all/rp_filter").write_text("2")
    with create_stack_network(kernel("route.quickack", 1)) as stack:
        assert stack.not_copied == {}
        here = read_network_values()
        with stack.base.enter():
            inside = read_network_values()
    assert inside["net.ipv4.tcp_sack"] == "0"
    assert inside == here


@pytest.mark.usefixtures("host_like")
def test_a_packet_filter_of_the_host_is_not_inside_and_that_is_told() -> None:
    nft_module.set_tracking(on=True)
    of_a_connection()
    with create_stack_network(kernel("route.quickack", 1)) as stack:
        assert stack.not_copied == {"packet filter that tracks connections": "none"}
        with stack.base.enter():
            assert not nft_module.is_tracking()
    nft_module.set_tracking(on=False)
    assert not nft_module.is_tracking()


def test_without_knobs_of_a_network_there_is_none() -> None:
    here = Path(namespace.THREAD_NETWORK).readlink()
    with create_stack_network(kernel("nice", 1)) as stack, stack.base.enter():
        assert Path(namespace.THREAD_NETWORK).readlink() == here


def test_once_an_arm_needs_a_network_every_arm_gets_one() -> None:
    plain, tuned, served = kernel_configurations_of(
        [[arm()], [arm(knobs={"net.ipv4.tcp_sack": 0})], [arm(knobs={"nice": 1})]]
    )
    assert plain.own_network
    assert tuned.own_network
    assert served.own_network
    assert not any(each.own_network for each in kernel_configurations_of([[arm()], [arm(knobs={"nice": 1})]]))


def test_which_sysctls_a_network_has_for_itself() -> None:
    names = ("net.ipv4.tcp_sack", "net.core.rmem_default", "kernel.sched_autogroup_enabled", "vm.swappiness")
    scopes = {name: knob.scope for name, knob in load_knobs(names).items()}
    assert scopes == dict.fromkeys(names, "global") | {"net.ipv4.tcp_sack": "network"}


def test_a_value_that_the_kernel_refuses_or_changes_is_told_before_anything_starts() -> None:
    knobs: dict[str, KnobValue] = {
        "net.ipv4.tcp_congestion_control": "nonsense",
        "net.ipv4.tcp_sackk": 1,
        "net.core.somaxconn": "0x10",
        "route.congctl": "nonsense",
        "net.ipv4.tcp_sack": 0,
    }
    problems = "\n".join(knob_problems(kernel_configurations_of([[arm(knobs=knobs)]]), allow_global=False))
    assert [line.split(" = ")[0] for line in problems.splitlines()] == [
        'knobs."net.ipv4.tcp_sackk"',
        'knobs."net.ipv4.tcp_congestion_control"',
        'knobs."net.core.somaxconn"',
        'knobs."route.congctl"',
    ]
    assert "Did you mean 'net.ipv4.tcp_sack'?" in problems
    assert "the kernel changes it to 16" in problems
    assert problems.count("the kernel refuses it") == 2


def test_a_value_of_the_machine_takes_a_word_of_the_user() -> None:
    kernels = kernel_configurations_of([[arm(knobs={"kernel.sched_autogroup_enabled": 0})]])
    before = Path("/proc/sys/kernel/sched_autogroup_enabled").read_text()
    [refused] = knob_problems(kernels, allow_global=False)
    assert "--allow-global" in refused or "as root" in refused
    assert Path("/proc/sys/kernel/sched_autogroup_enabled").read_text() == before


def test_what_only_booting_changes_is_a_condition() -> None:
    [refused] = knob_problems(kernel_configurations_of([[arm(knobs={"boot.isolcpus": "no-such"})]]), allow_global=True)
    assert "isolcpus=no-such on the kernel's command line" in refused
    assert "barehop compare" in refused


def experiment(*arms: Arm) -> Experiment:
    return Experiment(name="x", question="?", arms=arms, pairs=((arms[1].name, arms[0].name),), design=Design())


def test_servers_start_inside_and_only_those_who_enter_reach_them(tmp_path: Path) -> None:
    arms = (arm("plain"), arm("tuned", knobs={"net.ipv4.tcp_sack": 0, "nice": 3, "sched.policy": "batch"}))
    blueprints = blueprints_of(experiment(*arms), tmp_path / "stack", machine_of(tmp_path))
    with start_stacks(blueprints, probe_target) as stacks:
        proofs = prove(stacks)
        assert proofs["plain"]["knobs"] == {}
        assert proofs["tuned"]["knobs"] == {"net.ipv4.tcp_sack": "0", "nice": "3", "sched.policy": "batch"}
        networks = [proofs[name]["network"] for name in ("plain", "tuned")]
        assert len({*networks, str(Path(namespace.THREAD_NETWORK).readlink())}) == 3
        for stack, name in zip(stacks, ("plain", "tuned"), strict=True):
            target = stack.blueprint.targets[name]
            assert "refused" in str(probe_target(target, "/"))
            assert isinstance(stack.network.base.wrap(probe_target)(target, "/"), Reply)
            pids = [pid for some in stack.pids.values() for pid in some]
            assert {str(Path(f"/proc/{pid}/ns/net").readlink()) for pid in pids} == {proofs[name]["network"]}
            assert {psutil.Process(pid).nice() for pid in pids} == {3 if name == "tuned" else psutil.Process().nice()}


def test_networks_with_other_values_share_a_gunicorn_that_listens_in_each(tmp_path: Path) -> None:
    arms = [
        arm(f"{name}/{transport}", transport=transport, knobs=knobs)
        for name, knobs in (("plain", {}), ("tuned", {"net.ipv4.tcp_sack": 0}), ("nice", {"nice": 3}))
        for transport in ("tcp", "uds-tmpfs", "uds-dir")
    ]
    blueprints = blueprints_of(experiment(*arms), tmp_path / "stack", machine_of(tmp_path))
    before = own_pids()
    with start_stacks(blueprints, probe_target) as stacks:
        proofs = prove(stacks)
        plain, tuned, nice = (stack.pids["app"] for stack in stacks)
        assert plain == tuned != nice
        assert proofs["plain/tcp"]["network"] != proofs["tuned/tcp"]["network"]
        assert len({proof["hop"]["listener"] for proof in proofs.values()}) == len(arms)
        descriptors = [int(path.name) for path in Path(f"/proc/{stacks[0].app.main_pid()}/fd").iterdir()]
        assert max(descriptors) < 32
    assert own_pids() == before
    assert not any(directory.exists() for blueprint in blueprints for directory in blueprint.private_directories)


def test_doubts_of_tcp_are_looked_for_where_the_servers_are(tmp_path: Path) -> None:
    arms = (arm("plain"), arm("tuned", knobs={"net.ipv4.tcp_tw_reuse": 0, "sched.autogroup": 1}))
    wanted = experiment(*arms)
    with start_stacks(blueprints_of(wanted, tmp_path / "stack", machine_of(tmp_path)), probe_target) as stacks:
        scene = context_of(stacks, wanted, {})
        plain, tuned = read_networks(scene)
    assert (plain.may_reuse, tuned.may_reuse) == (True, False)
    assert plain.sent > 0
    assert not scene.bare
    assert scene.knobs == {"net.ipv4.tcp_tw_reuse", "sched.autogroup", "kernel.sched_autogroup_enabled"}


HOLDER = """
import os
import sys
from harness.testbed.kernel.knob_settings import kernel_configurations_of
from harness.testbed.stack.network import create_stack_network
from harness.model import Arm, Settings
[kernel] = kernel_configurations_of([[Arm(name="a", settings=Settings(knobs={"net.ipv4.tcp_sack": 0}))]])
with create_stack_network(kernel) as stack:
    with stack.base.enter():
        print(os.readlink("/proc/thread-self/ns/net"), flush=True)
    sys.stdin.read()
"""


def test_sigkill_of_the_run_leaves_no_network() -> None:
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as holder:
        assert holder.stdout is not None
        network = holder.stdout.readline().strip()
        assert any(network in link_target(link) for link in Path(f"/proc/{holder.pid}/fd").iterdir())
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert network.startswith("net:[")
        assert network not in networks_in_use()


@pytest.mark.needs_root
def test_by_hand_the_same_stack_comes_up_inside_with_its_knobs(tmp_path: Path) -> None:
    knobs: dict[str, KnobValue] = {
        "net.ipv4.tcp_sack": 0,
        "lo.mtu": 1500,
        "sched.policy": "batch",
        "sched.autogroup": 0,
    }
    arms = (arm("plain"), arm("tuned", knobs=knobs))
    blueprint = blueprints_of(experiment(*arms), tmp_path / "stack", machine_of(tmp_path))[1]
    with start_stacks([blueprint], probe_target) as [stack]:
        script = stack.blueprint.directory / "start.sh"
    with subprocess.Popen([script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as shell:
        assert shell.stdout is not None
        told = list(takewhile(lambda line: not line.startswith("tuned: "), shell.stdout))
        inside = Path(f"/proc/{shell.pid}/ns/net").readlink()
        assert inside != Path(namespace.THREAD_NETWORK).readlink()
        assert "net.ipv4.tcp_sack = 0\n" in told
        assert os.sched_getscheduler(shell.pid) == os.SCHED_BATCH
        while not any("worker" in " ".join(each.cmdline()) for each in nginx_of(shell.pid)):
            time.sleep(0.01)  # an nginx that is still starting would miss the signal
        shell.send_signal(signal.SIGINT)
        shell.stdout.read()
    assert "sched_autogroup" not in script.read_text()


def nginx_of(pid: int) -> list[psutil.Process]:
    """Its processes, which say in their command lines what they do."""
    children = psutil.Process(pid).children(recursive=True)
    return [each for each in children if each.cmdline() and each.cmdline()[0].startswith("nginx: ")]


SCREENED = """
import os
from pathlib import Path
import harness.cli
from harness.experiment.read import read_experiment
for name in ("kernel-conntrack", "kernel-tcp", "kernel-screen"):
    read_experiment(Path("configs", f"{name}.toml"))
    print(name, len(os.listdir("/proc/self/task")))
"""


def test_an_experiment_is_read_without_threads_which_would_cost_an_ordinary_user_its_rights() -> None:
    command = [sys.executable, "-c", SCREENED]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=CHECKOUT, check=True)
    assert ended.stdout.splitlines() == ["kernel-conntrack 1", "kernel-tcp 1", "kernel-screen 1"]


ORDINARY = """
import os
from pathlib import Path
import pyroute2, pyroute2.nftables.main, pyroute2.nftables.expressions
from harness.testbed.kernel.knob_settings import kernel_configurations_of
from harness.testbed.network.namespace import THREAD_NETWORK, create_network
from harness.testbed.stack.network import create_stack_network, network_knob_values
from harness.testbed.network.sysctl_copy import gain_network_rights, may_make_networks
from harness.model import Arm, Settings
if os.geteuid() == 0:
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
user = os.geteuid()
assert not may_make_networks()
gain_network_rights()
assert may_make_networks(), "no user namespaces"
assert os.geteuid() == user
knobs = {"net.ipv4.tcp_sack": 0, "conntrack": "on", "lo.mtu": 1500, "route.quickack": 1}
[kernel] = kernel_configurations_of([[Arm(name="a", settings=Settings(knobs=knobs))]])
home = Path(THREAD_NETWORK).readlink()
with create_stack_network(kernel) as stack:
    for _ in range(2):
        with stack.base.enter():
            assert Path(THREAD_NETWORK).readlink() != home
            print(network_knob_values(kernel))
        assert Path(THREAD_NETWORK).readlink() == home
    print(stack.not_copied)
"""


def test_an_ordinary_user_has_networks_too() -> None:
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    ended = subprocess.run(
        [sys.executable, "-c", ORDINARY], capture_output=True, text=True, env=environment, check=False
    )
    if "no user namespaces" in ended.stderr:
        pytest.skip("this machine gives an ordinary user no user namespaces")
    values = "{'net.ipv4.tcp_sack': '0', 'conntrack': 'on', 'lo.mtu': '1500', 'route.quickack': '1'}"
    assert ended.stdout.splitlines() == [values, values, "{}"], ended.stderr
