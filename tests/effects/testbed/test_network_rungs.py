"""Stacks on network rungs: the hop goes that way and nothing else does; nobody outside sees it, and nothing is left."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import pytest

from harness.errors import MachineError
from harness.load.probe import probe_target
from harness.model import Arm, Design, Experiment, Settings
from harness.model.plugins import SysctlValue
from harness.observe.proof import prove
from harness.testbed.blueprint import blueprints_of
from harness.testbed.dry_run import start_script
from harness.testbed.kernel.knob_settings import UNCHANGED_KERNEL
from harness.testbed.machine.directories import free_ports
from harness.testbed.network.build import ConnectionEnd, NetworkPath, build_path, network_path_of
from harness.testbed.network.namespace import create_network
from harness.testbed.processes.process import SupervisedCommand, start_command
from harness.testbed.stack.network import create_stack_network
from harness.testbed.stack.start import start_stacks
from harness.testbed.standalone import relay
from tests.support.misbehaving_services import MARK, end_marked, eventually, marked
from tests.support.networks import CHECKOUT, may_make_one, networks_in_use, of_the_host
from tests.support.stacks import arm, blueprint_for, machine_of

pytestmark = pytest.mark.skipif(not may_make_one(), reason="needs the right to make network namespaces")

RUNGS = ("conntrack", "bridge", "nat", "relay")


def links() -> tuple[int, str]:
    return Path("/proc/thread-self/net/dev").read_text().count(":"), Path("/proc/self/mountinfo").read_text()


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """The host's values, links, filters, mounts and our descriptors are afterwards what they were."""
    before = of_the_host(), links()
    yield
    assert (of_the_host(), links()) == before


def experiment(*arms: Arm) -> Experiment:
    return Experiment(name="x", question="?", arms=arms, pairs=((arms[1].name, arms[0].name),), design=Design())


def test_the_hop_and_nothing_else_goes_over_each_rung(tmp_path: Path) -> None:
    arms = [
        arm(f"{network} {transport}", network=network, transport=transport)
        for network in RUNGS
        for transport in ("tcp", "uds-tmpfs")
    ]
    front = arm("front", network="relay", network_leg="front", tls=True)
    blueprints = blueprints_of(experiment(*arms, front), tmp_path / "stack", machine_of(tmp_path))
    with start_stacks(blueprints, probe_target) as stacks:
        proofs = prove(stacks)
        for network in RUNGS:
            tcp, unix = (proofs[f"{network} {transport}"] for transport in ("tcp", "uds-tmpfs"))
            assert tcp["rung"]["not_copied"] == {}
            assert tcp["pids"] == unix["pids"]
            assert len(tcp["rung"]["packets"]) >= (1 if network == "conntrack" else 4)
            assert tcp["url"].startswith("http://127.0.0.1:")
            assert unix["upstream"].startswith("unix:")
        assert proofs["nat tcp"]["upstream"].startswith("10.213.0.1:")
        assert proofs["nat tcp"]["hop"]["address"].startswith("10.213.0.3:")
        assert set(proofs["nat tcp"]["rung"]["tracked"]) == {"near", "middle"}
        assert proofs["front"]["url"].startswith("https://10.213.0.1:")
        assert proofs["front"]["upstream"].startswith("127.0.0.1:")
        assert len({stack.app.main_pid() for stack in stacks}) == 1
        assert len({stack.nginx.main_pid() for stack in stacks}) == len(stacks) == len(RUNGS) + 1
        [last] = [stack for stack in stacks if "front" in stack.blueprint.targets]
        assert last.relay is not None
        assert last.relay.main_pid() in last.pids_of("front")["nginx"]


def test_what_this_kernel_lacks_is_a_sentence() -> None:
    lacking = NetworkPath(rung="odd", places=("near",), steps=(SysctlValue("near", "net/no/such", "1"),))
    without = NetworkPath(rung="odd", places=("near",), steps=(SysctlValue("near", "net/no/such", "1", optional=True),))
    with create_network() as network:
        build_path(without, {"near": network}, [])
        with pytest.raises(MachineError, match=r"network = 'odd' is not available here: net\.no\.such: No such file"):
            build_path(lacking, {"near": network}, [])


HOLDER = """
import os
import sys
from harness.testbed.kernel.knob_settings import UNCHANGED_KERNEL
from harness.testbed.stack.network import create_stack_network
from harness.testbed.network.sysctl_copy import gain_network_rights
from harness.testbed.network.build import network_path_of
from harness.model import Settings
import pyroute2, pyroute2.nftables.main, pyroute2.nftables.expressions
if "ordinary" in sys.argv:
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
    gain_network_rights()
with create_stack_network(UNCHANGED_KERNEL, network_path_of(Settings(network="relay")), [8000]) as stack:
    for network in stack.all_networks[1:]:
        with network.enter():
            print(os.readlink("/proc/thread-self/ns/net"), flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("who", ["oneself", pytest.param("ordinary", marks=pytest.mark.needs_root)])
def test_sigkill_leaves_no_namespace_of_a_rung(who: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, who], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as holder:
        assert holder.stdout is not None
        held = [holder.stdout.readline().strip() for _ in range(3)]
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    if who == "ordinary" and not any(held):
        pytest.skip("this machine gives an ordinary user no user namespaces")
    assert all(network.startswith("net:[") for network in held)
    assert not networks_in_use().intersection(held)


@pytest.mark.needs_root
@pytest.mark.skipif(not (shutil.which("nft") and shutil.which("ip")), reason="needs ip and nft")
@pytest.mark.parametrize("leg", ["hop", "front"])
def test_by_hand_the_same_commands_give_a_working_stack(tmp_path: Path, leg: str) -> None:
    wanted = arm("relayed", network="relay", network_leg=leg)
    blueprint = blueprint_for(tmp_path, wanted)
    script = blueprint.directory / "start.sh"
    blueprint.directory.mkdir()
    script.write_text(start_script(blueprint))
    script.chmod(0o755)
    (blueprint.directory / "nginx.conf").write_text(blueprint.nginx_conf)
    mark = f"rung-{blueprint.private_directories[0].name}"
    environment = {**os.environ, MARK: mark}
    with (
        subprocess.Popen([script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as shell,
        end_marked(mark),
    ):
        name = f"{blueprint.private_directories[0].name}-near"
        inside = ("nsenter", "--mount", f"--target={shell.pid}", "ip", "netns", "exec", name)
        question = (sys.executable, "-c", ASKING, blueprint.targets["relayed"].url)
        there = inside if leg == "front" else ()
        assert eventually(lambda: run([*there, *question]) == "200")
        shell.send_signal(signal.SIGINT)
        output = shell.communicate(timeout=60)
        assert shell.returncode == 130, output
        assert marked(mark) == set()


ASKING = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=1).status)"


def run(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


@contextmanager
def relaying(directory: Path, server: socket.socket) -> Iterator[tuple[str, int]]:
    """Where a relay to `server` listens."""
    host, port = "127.0.0.1", next(free_ports())
    to = f"127.0.0.1:{server.getsockname()[1]}"
    argv = (sys.executable, "-I", "-S", relay.__file__, f"{host}:{port}", to)
    with start_command(SupervisedCommand("relay", argv, directory / "relay.log")) as service:
        assert eventually(lambda: connects(host, port))
        yield host, port
        service.check()


def connects(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def test_a_relay_carries_both_ways_and_tells_of_ends(tmp_path: Path) -> None:
    """A server that answers only once the client has ended, with what it got, larger than any buffer."""
    sent = os.urandom(3_000_000)
    with socket.create_server(("127.0.0.1", 0)) as server, relaying(tmp_path, server) as where:
        server.accept()[0].close()  # the probe

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"".join(iter(lambda: connection.recv(65536), b"")))

        thread = threading.Thread(target=answer)
        thread.start()
        with socket.create_connection(where, timeout=10) as client:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            got = b"".join(iter(lambda: client.recv(65536), b""))
        thread.join()
        assert got == sent


def test_a_relay_whose_server_is_gone_closes_and_goes_on(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, relaying(tmp_path, server) as where:
        server.accept()[0].close()
        server.close()
        for _ in range(3):
            with socket.create_connection(where, timeout=10) as client:
                assert client.recv(1) == b""


def test_without_a_rung_there_is_no_namespace() -> None:
    with create_stack_network(UNCHANGED_KERNEL, network_path_of(Settings())) as stack:
        assert len(stack.all_networks) == 1
        assert {stack.path.place_of(end) for end in get_args(ConnectionEnd)} == {None}
