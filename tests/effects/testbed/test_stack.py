"""What `running_stacks` promises of a real stack: every arm is served as it should be, by this run's own processes."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import psutil
import pytest

from harness.errors import StackError
from harness.observe.proof import prove
from harness.testbed.processes.process import own_pids
from harness.testbed.stack.stack import Stack
from tests.support.stacks import TRANSPORTS, answer, arm, blueprint_for, impostor, stack_of


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All transports, with and without connections kept, plain and with TLS, behind one nginx and one gunicorn."""
    arms = [
        arm(f"{transport}/{kept}/{tls}", transport=transport, upstream_keepalive=kept, tls=tls, path="/bytes/10")
        for transport in TRANSPORTS
        for kept in (0, 16)
        for tls in (False, True)
    ]
    with stack_of(blueprint_for(tmp_path_factory.mktemp("stack"), *arms)) as running:
        yield running


def test_every_arm_answers_through_nginx_what_the_application_says(stack: Stack) -> None:
    for target in stack.blueprint.targets.values():
        reply = answer(target)
        assert (reply.status, reply.body) == (200, b"x" * 10)
        assert reply.headers["server"].startswith("nginx/")


def test_the_answers_that_made_it_ready_came_over_each_arms_own_transport(stack: Stack) -> None:
    seen = {name: reply.headers["x-barehop-upstream"] for name, reply in stack.replies.items()}
    assert seen == {name: stack.blueprint.expected_server(name) for name in stack.blueprint.targets}
    assert len(set(seen.values())) == len(TRANSPORTS)
    assert {reply.body for reply in stack.replies.values()} == {b"x" * 10}


def test_everything_listens_on_loopback_or_in_a_private_directory(stack: Stack) -> None:
    private = stack.blueprint.private_directories
    processes = [psutil.Process(pid) for pid in own_pids() - {os.getpid()}]
    tcp = [each for process in processes for each in process.net_connections("inet")]
    unix = [str(each.laddr) for process in processes for each in process.net_connections("unix")]
    addresses = {each.laddr.ip for each in tcp if each.status == psutil.CONN_LISTEN}
    assert "127.0.0.1" in addresses
    assert all(ip_address(address).is_loopback for address in addresses)
    assert {Path(path).parent for path in unix if path} == set(private[1:])
    assert {directory.stat().st_mode & 0o7777 for directory in private} == {0o700}


def test_the_workers_are_of_our_user_so_that_they_can_enter_those_directories(stack: Stack) -> None:
    pids = (*stack.pids["nginx"], *stack.pids["app"])
    assert {psutil.Process(pid).uids().effective for pid in pids} == {os.geteuid()}


def test_nginx_itself_finds_nothing_wrong_with_its_configuration(stack: Stack) -> None:
    ended = subprocess.run([*stack.blueprint.nginx_argv, "-t"], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "[warn]" not in ended.stderr
    assert "[alert]" not in ended.stderr


def test_the_key_of_the_certificate_is_for_its_owner_alone(stack: Stack) -> None:
    assert stack.blueprint.certificate is not None
    assert stack.blueprint.certificate.chain_and_key.stat().st_mode & 0o777 == 0o600


def test_it_stays_as_it_began_and_gunicorn_has_nothing_to_say(stack: Stack) -> None:
    stack.check_workers()
    assert (stack.blueprint.directory / "gunicorn.log").read_text() == ""


def test_the_proof_names_workers_cpus_and_the_file_system_of_the_hop(stack: Stack) -> None:
    proofs = prove([stack])
    kinds = {name.split("/")[0]: proof["hop"].get("filesystem") for name, proof in proofs.items()}
    assert proofs.keys() == stack.blueprint.targets.keys()
    assert (kinds["tcp"], kinds["uds-tmpfs"]) == (None, "tmpfs")
    assert kinds["uds-dir"] not in (None, "tmpfs")
    assert {str(proof["pids"]) for proof in proofs.values()} == {str(stack.pids)}
    json.dumps(proofs)


def test_a_socket_that_took_the_place_of_ours_is_never_proved(stack: Stack) -> None:
    path = Path(stack.blueprint.hops["uds-dir"].address)
    with (
        another_listener_at(path),
        pytest.raises(
            StackError, match=f"^This run's gunicorn is not the only listener on {path}: other sockets: [0-9]+"
        ),
    ):
        prove([stack])
    prove([stack])


@contextmanager
def another_listener_at(path: Path) -> Iterator[None]:
    ours = path.rename(path.with_name("ours"))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        yield
    ours.rename(path)


def test_an_application_port_that_is_somebody_elses_is_never_proved(stack: Stack, unused_port: int) -> None:
    address = f"127.0.0.1:{unused_port}"
    hops = stack.blueprint.hops | {"tcp": replace(stack.blueprint.hops["tcp"], address=address)}
    routes = replace(stack.blueprint.addresses, hops=hops)
    moved = replace(stack, blueprint=replace(stack.blueprint, addresses=routes))
    with (
        impostor(address),
        pytest.raises(StackError, match=f"This run's gunicorn is not the only listener on {address}"),
    ):
        prove([moved])
    with pytest.raises(StackError, match="other sockets: none at all"):
        prove([moved])


def test_a_front_port_that_is_somebody_elses_is_never_proved(stack: Stack, unused_port: int) -> None:
    name, target = next(iter(stack.blueprint.targets.items()))
    targets = stack.blueprint.targets | {name: replace(target, port=unused_port)}
    routes = replace(stack.blueprint.addresses, targets=targets)
    moved = replace(stack, blueprint=replace(stack.blueprint, addresses=routes))
    address = f"127.0.0.1:{unused_port}"
    with impostor(address), pytest.raises(StackError, match=f"This run's nginx is not the only listener on {address}"):
        prove([moved])


def test_workers_of_another_run_prove_nothing(stack: Stack) -> None:
    with pytest.raises(StackError, match="gunicorn is not the only listener"):
        prove([replace(stack, app=stack.nginx, pids=stack.pids | {"app": ()})])


def test_arms_that_ask_for_the_same_must_get_the_same_kind_of_answer(stack: Stack) -> None:
    first, second, *_ = stack.replies
    for odd in (
        replace(stack.replies[second], status=201),
        replace(stack.replies[second], headers={"content-type": "text/html"}),
    ):
        with pytest.raises(StackError) as different:
            prove([replace(stack, replies=stack.replies | {second: odd})])
        assert str(different.value) == f"Arms {first!r} and {second!r} send the same request but get different answers."


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert isinstance(port, int)
    return port
