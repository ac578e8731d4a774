"""Three dask workers, each in a network of its own, measure one experiment for a client. Needs root."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from harness.model import Summary
from harness.testbed.network.namespace import NetworkNamespace
from tests.support.command import (
    CHECKOUT,
    Ended,
    Started,
    barehop,
    eventually,
    fixed,
    nothing_left,
    preloaded,
    running,
    started,
)
from tests.support.networks import hub_address, star_of_networks

pytestmark = [pytest.mark.needs_root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]
PORT = 8786
HOSTS = ("web1", "web2", "web3")
SCHEDULER = f"127.0.0.1:{PORT}"
QUIET = ("--nthreads", "1", "--no-nanny", "--preload", "harness.fleet.quiet")
SHORT, LONG = fixed(2, 2), fixed(60, 30)
HERE = ("env",)  # a command that is no fork of another process is in the network of the test


@dataclass(slots=True)
class Hosts:
    """The scheduler's network, and the hosts with their workers."""

    cwd: Path
    hub: NetworkNamespace
    networks: list[NetworkNamespace]
    exit_stack: ExitStack
    workers: dict[str, psutil.Popen] = field(default_factory=dict)

    def start_worker(self, name: str) -> None:
        place = HOSTS.index(name)
        self.workers[name] = self.start_dask(
            self.networks[place], "worker", f"tcp://{hub_address(place)}:{PORT}", *QUIET, "--name", name
        )

    def start_dask(self, network: NetworkNamespace, kind: str, *words: str) -> psutil.Popen:
        number = len(list(self.cwd.glob("*.dask")))
        # In a network of its own nothing disturbs the others, so each worker may have a lock of its own.
        env = {**os.environ, "PYTHONPATH": str(CHECKOUT), "BAREHOP_LOCK": str(self.cwd / f"{number}.lock")}
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--no-dashboard", *words]
        with network.enter(), (self.cwd / f"{number}.dask").open("wb") as log:
            process = psutil.Popen(command, cwd=self.cwd, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.exit_stack.callback(end, process)
        return process

    @contextmanager
    def client(self, *words: str) -> Iterator[Started]:
        with ExitStack() as exit_stack:
            with self.hub.enter():
                arguments = ("fleet", *words, "--scheduler", SCHEDULER)
                client = exit_stack.enter_context(running(self.cwd, *arguments, before=HERE))
            yield client

    def run(self, *words: str) -> Ended:
        with self.client(*words) as client:
            ended = client.ended()
        assert "Traceback" not in ended.err
        return ended

    def serves(self, name: str) -> bool:
        """Whether nginx runs on this host."""
        return has_nginx(self.workers[name])

    def are_idle(self) -> bool:
        """Whether no worker has a child any more; at the end, nothing of a child may be left either."""
        living = [worker for worker in self.workers.values() if worker.poll() is None]
        return not any(worker.children(recursive=True) for worker in living)


def has_nginx(process: psutil.Process) -> bool:
    return any("nginx" in name_of(child) for child in process.children(recursive=True))


def name_of(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


def end(process: psutil.Popen) -> None:
    with suppress(psutil.NoSuchProcess):  # it was killed, and buried by whoever looked for what is left
        process.kill()
        process.wait(30)


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    cwd = tmp_path_factory.mktemp("fleet")
    preloaded()  # outside of the networks, which end with these tests
    with star_of_networks(len(HOSTS)) as (hub, networks), nothing_left(), ExitStack() as exit_stack:
        made = Hosts(cwd, hub, networks, exit_stack)
        made.start_dask(hub, "scheduler", "--host", "0.0.0.0", "--port", str(PORT))
        for name in HOSTS:
            made.start_worker(name)
        assert eventually(lambda: all("Registered to" in log_of(cwd, number) for number in (1, 2, 3)))
        yield made


def log_of(cwd: Path, number: int) -> str:
    return (cwd / f"{number}.dask").read_text()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_when_the_client_ends_the_runs_on_all_hosts_end(hosts: Hosts, number: signal.Signals) -> None:
    with hosts.client("quick", *LONG, "--out", f"ended-{number}") as client:
        assert eventually(lambda: all(map(hosts.serves, HOSTS))), client.errors.read_text()
        client.process.send_signal(number)
        ended = client.ended()
        is_idle = hosts.are_idle()
    if number == signal.SIGINT:
        assert is_idle
        assert ended.code == 130
        assert "fleet --resume" in ended.err
    assert eventually(hosts.are_idle)


def test_a_worker_sleeps_while_its_host_measures(hosts: Hosts) -> None:
    """By default it ticks 50 times a second."""
    with hosts.client("quick", *LONG, "--out", "asleep"):
        assert eventually(lambda: all(map(hosts.serves, HOSTS)))
        before = {name: wakeups(worker) for name, worker in hosts.workers.items()}
        time.sleep(2)
        assert all(wakeups(hosts.workers[name]) - count < 20 for name, count in before.items())
        names = {Path(f"/proc/{worker.pid}/comm").read_text() for worker in hosts.workers.values()}
    assert names == {"dask worker\n"}  # as which the doubts of a session tell one that is busy nevertheless
    assert eventually(hosts.are_idle)


def wakeups(process: psutil.Process) -> int:
    """Of its first thread, which runs the event loop."""
    return int(process.num_ctx_switches().voluntary)


def test_a_killed_worker_leaves_nothing_and_its_host_is_measured_later(hosts: Hosts) -> None:
    with hosts.client("quick", *SHORT, "--out", "out") as client:
        assert eventually(lambda: hosts.serves("web3"))
        hosts.workers["web3"].kill()
        ended = client.ended()
    assert ended.code == 3
    assert "web3: its worker is gone" in ended.err
    assert "Host by host" in ended.out  # what came back is pooled
    assert results(hosts.cwd) == ["web1", "web2"]
    assert eventually(hosts.are_idle)
    hosts.start_worker("web3")
    assert eventually(lambda: "Registered to" in log_of(hosts.cwd, 4))
    resumed = hosts.run("--resume", "out", "--json")
    assert resumed.code == 0, resumed.err
    assert "web1" not in resumed.err
    assert results(hosts.cwd) == list(HOSTS)
    runs = [run for host in json.loads(resumed.out)["hosts"] for run in host["runs"]]
    assert [Path(run["directory"]).name for run in runs] == list(HOSTS)


def results(cwd: Path) -> list[str]:
    """The hosts with a whole summary."""
    paths = sorted((cwd / "out").glob("*/summary.json"))
    assert all(Summary.model_validate_json(path.read_bytes()).arms for path in paths)
    return [path.parent.name for path in paths]


def test_what_a_host_lacks_is_told_in_its_own_words(hosts: Hosts) -> None:
    ended = hosts.run("quick", *SHORT, "--set", "arm.nginx=no-such-nginx", "--out", "lacking")
    assert ended.code == 3
    assert all(f"{name}: " in ended.err for name in HOSTS)
    assert "no-such-nginx" in ended.err


def test_workers_that_barehop_has_started_here_end_with_it(tmp_path: Path) -> None:
    with started(tmp_path, "fleet", "quick", *LONG, "--local", "2") as client:
        assert eventually(lambda: has_nginx(client.process)), client.errors.read_text()
        client.process.kill()


def test_without_a_scheduler_or_workers_a_sentence_says_how_to_start_them(tmp_path: Path) -> None:
    ended = barehop(tmp_path, "fleet", "quick", "--scheduler", "127.0.0.1:9")
    assert ended.code == 3
    assert "No dask scheduler answers at 127.0.0.1:9." in ended.err
