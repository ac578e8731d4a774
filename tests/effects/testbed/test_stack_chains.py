"""Less than the whole chain: nginx by itself, the app without nginx, a null server in the app's place."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import StackError
from harness.load.client import open_client
from harness.model import Chain
from harness.observe.proof import prove
from harness.testbed.dry_run import describe_arm
from harness.testbed.machine.directories import free_ports
from harness.testbed.stack.stack import Stack
from tests.support.stacks import TRANSPORTS, arm, blueprint_for, impostor, stack_of

CHAINS: tuple[Chain, ...] = ("full", "proxy-only", "app-direct", "floor")
ARMS = tuple(
    arm(f"{chain} {transport}", chain=chain, transport=transport) for chain in CHAINS for transport in TRANSPORTS
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack_of(blueprint_for(tmp_path_factory.mktemp("chains"), *ARMS)) as up:
        yield up


@pytest.mark.parametrize("name", [one.name for one in ARMS])
@pytest.mark.parametrize("keepalive", [False, True])
def test_every_part_of_the_chain_answers_right_over_every_transport(stack: Stack, name: str, keepalive: bool) -> None:
    target = replace(stack.blueprint.targets[name], keepalive=keepalive)
    with open_client(target) as burst:
        seen = burst(1, 5)
    assert seen.failures == {}
    assert len(seen.latency_ns) == 5


def test_who_serves_an_arm_is_who_its_cpu_time_is_counted_of(stack: Stack) -> None:
    roles = {one.name.partition(" ")[0]: set(stack.pids_of(one.name)) for one in ARMS}
    assert roles == {"full": {"nginx", "app"}, "proxy-only": {"nginx"}, "app-direct": {"app"}, "floor": {"app"}}
    assert stack.pids_of("floor tcp")["app"] != stack.pids_of("app-direct tcp")["app"]
    assert stack.pids_of("floor tcp") != stack.pids_of("floor uds-dir")


def test_each_is_proved_by_who_listens(stack: Stack) -> None:
    proofs = prove([stack])
    assert proofs["proxy-only tcp"]["upstream"] == "nginx itself"
    assert "hop" not in proofs["proxy-only tcp"]
    assert "upstream" not in proofs["app-direct uds-dir"]
    assert proofs["app-direct tcp"]["hop"] == proofs["full tcp"]["hop"]
    assert proofs["floor uds-tmpfs"]["hop"]["filesystem"] == "tmpfs"
    assert proofs["floor uds-tmpfs"]["url"].startswith("unix:/")


def test_a_bare_server_that_is_somebody_elses_is_never_proved(stack: Stack) -> None:
    address = f"127.0.0.1:{next(free_ports())}"
    bare = stack.blueprint.addresses.null_servers
    moved = bare | {"floor tcp": replace(bare["floor tcp"], address=address)}
    other = replace(
        stack, blueprint=replace(stack.blueprint, addresses=replace(stack.blueprint.addresses, null_servers=moved))
    )
    with impostor(address), pytest.raises(StackError, match="This run's null server is not the only listener"):
        prove([other])


def test_the_bodies_are_of_the_size_that_was_asked_for(tmp_path: Path) -> None:
    sized = [arm(chain, chain=chain, path="/bytes/1234") for chain in CHAINS]
    with stack_of(blueprint_for(tmp_path, *sized)) as up:
        assert {len(reply.body) for reply in up.replies.values()} == {1234}


def test_a_bare_server_that_ends_ends_the_session(tmp_path: Path) -> None:
    with stack_of(blueprint_for(tmp_path, arm(chain="floor"))) as up:
        os.kill(up.null_servers["tcp"].main_pid(), signal.SIGKILL)
        up.null_servers["tcp"].wait(5)
        with pytest.raises(StackError, match="null server ended"):
            up.check_workers()


def test_show_names_the_bare_server_in_the_place_of_nginx_and_gunicorn(stack: Stack) -> None:
    assert "null_server.py" in describe_arm(stack.blueprint, "floor tcp")["null server"]
    assert "return 200" in describe_arm(stack.blueprint, "proxy-only tcp")["nginx.conf"]
    assert "gunicorn" not in describe_arm(stack.blueprint, "proxy-only tcp")
    assert "nginx" not in describe_arm(stack.blueprint, "app-direct tcp")
