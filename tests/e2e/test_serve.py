"""Servers in one network, the client in another, joined by a virtual link, as on two machines. Needs root."""

import json
import re
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.model import Plan, Record, Summary
from harness.testbed.network.namespace import NetworkNamespace
from tests.support.command import Ended, Started, barehop, eventually, fixed, nothing_left, preloaded, running
from tests.support.networks import ADDRESSES, joined_networks, set_link

SPIKED_US = 20_000  # more than any noise
EXPERIMENT = f"""
name = "far"
[arm]
timeout_s = 1.0
[arms.plain]
path = "/spike/0"
[arms.spiked]
path = "/spike/{SPIKED_US}"
transport = "uds-tmpfs"
[arms.secure]
path = "/spike/0"
tls = true
[design]
against = "plain"
"""
SHORT, LONG = fixed(3, 3, burst=12), fixed(60, 3)
HERE = ("env",)  # a command that is no fork of another process is in the network of the test


@dataclass(frozen=True, slots=True)
class Serving:
    """A running `barehop serve`, and what its clients need to know."""

    command: Started
    cwd: Path
    client_network: NetworkNamespace

    def offer(self) -> tuple[str, str]:
        """Its token and its address, as printed."""
        match = re.search(r"BAREHOP_TOKEN=(\w+) .* run --from (\S+)", self.command.output.read_text())
        assert match
        return match[1], match[2]

    @contextmanager
    def client(self, *options: str, token: str = "") -> Iterator[Started]:
        """A client in the other network; whoever serves sees that nothing of it is left."""
        ours, address = self.offer()
        number = len(list(self.cwd.glob("*.stdout")))  # every client is on a machine of its own
        env = {"BAREHOP_TOKEN": token or ours, "BAREHOP_LOCK": str(self.cwd / f"{number}.lock")}
        with ExitStack() as exit_stack:
            with self.client_network.enter():
                words = ("run", "--from", address, *options)
                client = exit_stack.enter_context(running(self.cwd, *words, env=env, before=HERE))
            yield client

    def visit(self, *options: str, token: str = "") -> Ended:
        """A client from beginning to end."""
        with self.client(*options, token=token) as client:
            ended = client.ended()
        assert "Traceback" not in ended.err
        return ended

    def end(self) -> Ended:
        """Ask it to end."""
        self.command.process.send_signal(signal.SIGTERM)
        return self.command.ended()


@contextmanager
def serving(cwd: Path, *options: str) -> Iterator[Serving]:
    """`barehop serve` with its stacks up; nothing of it and of its clients is left."""
    (cwd / "far.toml").write_text(EXPERIMENT)
    preloaded()  # outside of the networks, which end with this test
    with ExitStack() as exit_stack:
        server_network, client_network = exit_stack.enter_context(joined_networks())
        exit_stack.enter_context(nothing_left())
        with server_network.enter():
            words = ("serve", "far.toml", *options, "--address", ADDRESSES[0], "--out", "served")
            command = exit_stack.enter_context(running(cwd, *words, before=HERE))
        assert eventually(lambda: "[design]" in command.output.read_text()), command.errors.read_text()
        yield Serving(command, cwd, client_network)


@dataclass(frozen=True, slots=True)
class Told:
    """The directory of a run from afar, how it ended, and what others and the server were told meanwhile."""

    directory: Path
    ended: Ended
    wrong_token: Ended
    second: Ended
    server: Ended


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Told:
    cwd = tmp_path_factory.mktemp("far")
    with serving(cwd, *SHORT) as desk:
        wrong = desk.visit("--out", "wrong", token="0" * 36)
        with desk.client("--out", "out") as client:
            client.says("session 1 of 3")
            second = desk.visit("--out", "second")
            ended = client.ended()
        assert eventually(lambda: desk.command.output.read_text().count("[design]") == 2)  # it holds its stacks again
        server = desk.end()
    return Told(cwd / "out", ended, wrong, second, server)


def verdicts(directory: Path) -> dict[str, str | None]:
    summary = Summary.model_validate_json((directory / "summary.json").read_bytes())
    return {c.arm: c.verdict for c in summary.comparisons if c.metric == "latency" and c.arm == "spiked"}


def test_the_verdict_is_that_of_one_host(far: Told) -> None:
    assert far.ended.code == 0, far.ended.err
    here = barehop(far.directory.parent, "run", "far.toml", *SHORT, "--quiet", "--out", "here")
    assert here.code == 0, here.err
    assert verdicts(far.directory) == verdicts(far.directory.parent / "here") == {"spiked": "slower"}


def test_cpu_time_and_connections_come_from_the_other_side(far: Told) -> None:
    summary = Summary.model_validate_json((far.directory / "summary.json").read_bytes())
    for arm in ("plain", "spiked", "secure"):
        assert all(summary.arms[arm].cpu_us[role] > 0 for role in ("nginx", "app"))
    assert summary.arms["spiked"].cpu_us["app"] > SPIKED_US / 2
    record = Record.model_validate_json((far.directory / "sessions/0001.json").read_bytes())
    counted = {visit.arm: visit.counters for visit in record.visits if visit.counters}
    assert counted["plain"]["hop.passive_opens"] == pytest.approx(1, abs=0.2)
    assert counted["spiked"]["hop.passive_opens"] == pytest.approx(0, abs=0.2)
    assert "nginx.voluntary" in counted["plain"]
    assert any("servers were on another machine" in sentence for sentence in record.unseen)


def test_each_session_has_new_servers_proved_where_they_are(far: Told) -> None:
    records = [Record.model_validate_json(path.read_bytes()) for path in sorted(far.directory.glob("sessions/*.json"))]
    proofs = [record.proofs["plain"] for record in records]
    assert len({str(proof["pids"]) for proof in proofs}) == 3
    assert all(proof["url"].startswith(f"http://{ADDRESSES[0]}:") for proof in proofs)
    assert all(proof["hop"]["listener"] for proof in proofs)


def test_the_results_have_both_machines_and_where_the_servers_were(far: Told) -> None:
    host = json.loads((far.directory / "host.json").read_text())
    assert host["kernel"] == host["server"]["kernel"]
    assert host["serving"][0]["nginx"]["version"]
    plan = Plan.model_validate_json((far.directory / "plan.json").read_bytes())
    assert plan.served_from.startswith(ADDRESSES[0])
    local = barehop(far.directory.parent, "run", "--resume", "out")
    assert (local.code, f"barehop serve at {plan.served_from}" in local.err) == (2, True)


def test_a_wrong_token_and_a_second_client_get_a_sentence_and_the_first_goes_on(far: Told) -> None:
    assert far.wrong_token.code == 2
    assert "The token is not that of barehop serve at " in far.wrong_token.err
    assert far.second.code == 5
    assert "serves another client, one at a time" in far.second.err
    assert not (far.directory.parent / "wrong").exists()
    assert not (far.directory.parent / "second").exists()
    assert "Refused client 10.77.0.2: its token is wrong." in far.server.err


def test_serve_ends_when_it_is_asked_to_and_the_token_is_printed_once(far: Told) -> None:
    assert far.server.code == 0, far.server.err
    assert far.server.err.rstrip().endswith("Ended as asked. Nothing is left running.")
    assert far.server.out.count("BAREHOP_TOKEN") == 1
    assert f'url = "http://{ADDRESSES[0]}:' in far.server.out


def test_a_server_that_is_killed_ends_the_client_with_a_sentence(tmp_path: Path) -> None:
    with serving(tmp_path, *LONG) as desk, desk.client("--out", "out") as client:
        client.says("session 1 of 60")
        desk.command.process.kill()
        ended = client.ended()
    assert ended.code == 5
    assert "The connection to barehop serve at " in ended.err or "The link to barehop serve at " in ended.err
    assert "--resume" in ended.out
    assert "Traceback" not in ended.err
    assert list((tmp_path / "out/sessions").glob("*.json"))


def test_after_a_client_that_is_killed_serve_goes_on_and_the_run_can_be_completed(tmp_path: Path) -> None:
    with serving(tmp_path, *fixed(4, 3)) as desk:
        with desk.client("--out", "out") as client:
            client.says("session 1 of 4")
            client.process.kill()
        desk.command.says("Nothing of its session is left")
        assert eventually(lambda: desk.command.output.read_text().count("[design]") == 2)
        resumed = desk.visit("--resume", "out")
        assert desk.end().code == 0
    assert resumed.code in (0, 1), resumed.err
    assert len(list((tmp_path / "out/sessions").glob("*.json"))) == 4


def test_a_lost_link_ends_the_client_with_a_sentence(tmp_path: Path) -> None:
    with serving(tmp_path, *fixed(2, 200)) as desk:
        with desk.client("--out", "out") as client:
            assert eventually((tmp_path / "out/plan.json").is_file)
            time.sleep(5)  # likely within the visits; elsewhere it is noticed as well, and later
            set_link(desk.client_network, "down")
            ended = client.ended()
        server = desk.end()
    assert ended.code == 5
    assert "The link to barehop serve at " in ended.err or "answers on the serving machine and not here" in ended.err
    assert server.code == 0
