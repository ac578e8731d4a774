"""Multipath TCP on the hop: one gunicorn with sockets of both kinds, an nginx with a library, no silent fallback."""

import re
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import cli
from harness.errors import StackError
from harness.load.probe import probe_target
from harness.model import Design, Experiment
from harness.observe.hop_speech import fallback_problem, multipath_networks, watch_connections
from harness.observe.proof import prove
from harness.session import measure
from harness.testbed.blueprint import blueprint_of, blueprints_of
from harness.testbed.dry_run import start_script
from harness.testbed.hop_addresses import transport_problem
from harness.testbed.stack.start import start_stacks
from tests.support.stacks import NOWHERE, answer, arm, blueprint_for, machine_of, needs_mptcp, stack_of

CHECKOUT = Path(__file__).parents[3]
LIBRARY = "/usr/lib/x86_64-linux-gnu/mptcpize/libmptcpwrap.so.0"
ARMS = tuple(arm(name, transport=name) for name in ("tcp", "mptcp", "uds-tmpfs"))


@needs_mptcp
def test_one_gunicorn_serves_both_kinds_of_tcp_behind_an_nginx_for_each(tmp_path: Path) -> None:
    experiment = Experiment(name="x", question="?", arms=ARMS, pairs=(("mptcp", "tcp"),), design=Design())
    with start_stacks(blueprints_of(experiment, tmp_path / "stack", machine_of(tmp_path)), probe_target) as stacks:
        proofs = prove(stacks)
        assert len({stack.app.main_pid() for stack in stacks}) == 1
        assert len({stack.nginx.main_pid() for stack in stacks}) == 2
    connections = {name: proof["hop"].get("connections") for name, proof in proofs.items()}
    assert connections == {"tcp": None, "uds-tmpfs": None, "mptcp": {"mptcp_syns": 1, "mptcp_acks": 1}}


@needs_mptcp
def test_an_nginx_that_connects_with_plain_tcp_is_no_proof(tmp_path: Path) -> None:
    blueprint = replace(blueprint_for(tmp_path, arm("m", transport="mptcp")), nginx_preload="")
    with stack_of(blueprint) as stack:
        assert answer(blueprint.targets["m"]).status == 200
        with pytest.raises(StackError, match="1 of 1 connections of its hop fell back from Multi"):
            prove([stack])


@needs_mptcp
def test_connections_are_counted_over_any_number_of_requests(tmp_path: Path) -> None:
    for preload, fewest in (("", 0), (None, 3)):
        blueprint = blueprint_for(tmp_path / str(fewest), arm("m", transport="mptcp"))
        with stack_of(blueprint if preload is None else replace(blueprint, nginx_preload=preload)) as stack:
            growth = watch_connections(multipath_networks([stack]))
            for _ in range(3):
                assert answer(blueprint.targets["m"]).status == 200
            counts = growth()
        assert bool(fallback_problem(blueprint.arms, 3, counts)) == (not fewest)
        assert min(counts["mptcp_syns"], counts["mptcp_acks"]) >= fewest


@needs_mptcp
def test_a_session_is_refused_where_all_its_visits_have_too_few_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAREHOP_LOCK", str(tmp_path / "lock"))
    monkeypatch.setattr(measure, "watch_connections", lambda _networks: Counter)
    numbers = [word for name in ("sessions", "rounds", "burst") for word in ("--set", f"design.{name}=2")]
    arguments = ["run", "mptcp", *numbers, "--set", "design.settle=1", "--out", str(tmp_path / "out"), "--quiet"]
    with pytest.raises(StackError, match="Arm 'mptcp': 6 of 6 connections of its hop fell back"):
        CliRunner().invoke(cli, arguments, standalone_mode=False, catch_exceptions=False)


def test_a_machine_without_kernel_or_library_is_told_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.testbed.hop_addresses.find_library", lambda _pattern: None)
    monkeypatch.setattr("harness.testbed.hop_addresses.can_listen", lambda host, port=0, protocol=0: not protocol)
    assert transport_problem("mptcp", NOWHERE) == (
        "mptcp needs Multipath TCP in the kernel, and there is none. Set sysctl net.mptcp.enabled=1, use a kernel "
        "built with CONFIG_MPTCP, or leave this transport out. mptcp needs libmptcpwrap.so for nginx, and there is "
        "none. Install it, with apt-get install mptcpize, or leave this transport out."
    )
    assert transport_problem("tcp", NOWHERE) is None


def test_the_script_makes_the_sockets_and_loads_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Callable[[Path, str], None]
) -> None:
    monkeypatch.setattr("harness.testbed.blueprint.find_library", lambda _pattern: LIBRARY)
    monkeypatch.setattr("harness.testbed.hop_addresses.transport_problem", lambda *_: None)
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    blueprint = blueprint_of([ARMS[1]], tmp_path, machine_of(tmp_path), count(12000))
    blueprint = replace(blueprint, nginx_argv=("/usr/sbin/nginx", "-c", "nginx.conf"))
    lines = [line for line in start_script(blueprint).splitlines() if "listen.py" in line]
    text = "\n".join(lines).replace(sys.executable, "PYTHON").replace(str(CHECKOUT), "CHECKOUT") + "\n"
    text = re.sub(r"/\S*/barehop-[0-9a-f]+", "SCRATCH", re.sub("taskset -c [0-9,-]+", "taskset -c CPUS", text))
    golden(CHECKOUT / "tests/data/lab/mptcp-servers.txt", text)
