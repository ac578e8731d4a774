"""A transport says where its sockets are: on another loopback address, or in a directory that it names."""

import socket
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from harness.experiment import transports as names
from harness.load.probe import probe_target
from harness.model import Design, Experiment, Settings, Transport
from harness.observe.proof import prove
from harness.testbed.blueprint import blueprints_of, stack_problems
from harness.testbed.hop_addresses import hop_of, transport_problem
from harness.testbed.machine import directories
from harness.testbed.machine.directories import can_listen, remove_leftovers
from harness.testbed.machine.listeners import listening_inodes
from harness.testbed.network.build import network_path_of
from harness.testbed.stack.start import start_stacks
from tests.support.networks import may_make_one
from tests.support.stacks import NOWHERE, arm, blueprint_for, machine_of, stack_of


@pytest.fixture
def named() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
        yield Path(directory)


@pytest.fixture(autouse=True)
def added(monkeypatch: pytest.MonkeyPatch, named: Path) -> None:
    needs: dict[str, Any] = {"needs": "a place", "advice": "Make it."}
    kinds = {
        **names.transports(),
        "elsewhere": Transport("tcp", "elsewhere", "port", "192.0.2.1", **needs),
        "named": Transport("unix", "named", "directory", parent=str(named), **needs),
        "absent": Transport("unix", "absent", "directory", parent="/absent", **needs),
        "not-tmpfs": Transport("unix", "not on tmpfs", "tmpfs", parent=str(named), **needs),
    }
    for module in ("harness.experiment.transports", "harness.testbed.hop_addresses", directories.__name__):
        monkeypatch.setattr(f"{module}.transports", lambda: kinds)


@pytest.mark.parametrize("name", ["tcp-alias", "tcp6", "named"])
def test_a_stack_serves_over_a_transport_at_its_own_place(name: str, tmp_path: Path, named: Path) -> None:
    if name == "tcp6" and not can_listen("[::1]"):
        pytest.skip("this machine has no IPv6")
    place = {"tcp-alias": "127.0.0.2:", "tcp6": "[::1]:", "named": f"{named}/barehop-"}[name]
    stack_arms = [arm("full", transport=name), arm("floor", transport=name, chain="floor")]
    with stack_of(blueprint_for(tmp_path, *stack_arms)) as stack:
        proofs = prove([stack])
    assert all(proof["hop"]["address"].startswith(place) for proof in proofs.values())
    assert list(named.iterdir()) == []


@pytest.mark.skipif(not may_make_one(), reason="needs the right to make network namespaces")
def test_a_gunicorn_of_several_networks_listens_at_the_places_of_its_transports(tmp_path: Path, named: Path) -> None:
    kinds = ["tcp-alias", "named", *(["tcp6"] if can_listen("[::1]") else [])]
    arms = tuple(arm(f"{net} {kind}", network=net, transport=kind) for net in ("own", "conntrack") for kind in kinds)
    experiment = Experiment(name="x", question="?", arms=arms, pairs=((arms[1].name, arms[0].name),), design=Design())
    with start_stacks(blueprints_of(experiment, tmp_path / "stack", machine_of(tmp_path)), probe_target) as stacks:
        proofs = prove(stacks)
        assert len({stack.app.main_pid() for stack in stacks}) == 1
    assert len({proof["hop"]["listener"] for proof in proofs.values()}) == len(arms)
    assert list(named.iterdir()) == []


def test_a_place_that_is_not_there_is_a_problem() -> None:
    assert transport_problem("tcp-alias", NOWHERE) is None
    assert transport_problem("named", NOWHERE) is None
    for name in ("elsewhere", "absent", "not-tmpfs"):
        assert transport_problem(name, NOWHERE) == f"{name} needs a place, and there is none. Make it."


def test_a_machine_without_ipv6_is_told_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.testbed.hop_addresses.can_listen", lambda host, port=0, protocol=0: ":" not in host)
    assert list(stack_problems([arm(transport="tcp6"), arm("b", transport="tcp-alias")], machine_of(tmp_path))) == [
        "tcp6 needs the address ::1 on the loopback interface, and there is none. Enable IPv6, with sysctl "
        "net.ipv6.conf.lo.disable_ipv6=0, or leave this transport out."
    ]


def test_a_port_that_is_taken_on_the_transports_own_address_is_passed_over() -> None:
    with socket.create_server(("127.0.0.2", 0)) as taken:
        port = taken.getsockname()[1]
        assert hop_of("tcp-alias", NOWHERE, count(port)).address != f"127.0.0.2:{port}"
        assert hop_of("tcp", NOWHERE, count(port)).address == f"127.0.0.1:{port}"


def test_on_a_rung_with_addresses_of_its_own_those_are_used() -> None:
    hops = {
        rung: hop_of("tcp-alias", NOWHERE, count(8000), network_path_of(Settings(network=rung)))
        for rung in ("own", "nat")
    }
    assert hops["own"].server == hops["own"].address == "127.0.0.2:8000"
    assert (hops["nat"].address, hops["nat"].server) == ("10.213.0.3:8000", "10.213.0.1:8000")


def test_what_a_killed_run_left_in_a_named_directory_is_removed(named: Path) -> None:
    (named / "barehop-01234567").mkdir()
    remove_leftovers()
    assert list(named.iterdir()) == []


def test_a_socket_on_ipv6_is_found() -> None:
    if not can_listen("[::1]"):
        pytest.skip("this machine has no IPv6")
    with socket.socket(socket.AF_INET6) as listener:
        listener.bind(("::1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert len(listening_inodes(f"[::1]:{port}")) == 1
        assert listening_inodes(f"127.0.0.1:{port}") == set()
