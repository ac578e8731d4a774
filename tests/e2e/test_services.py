"""Services that run already, visited in turn with stacks of ours: stand-ins for containers, as plain processes."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.load.probe import probe_target
from harness.model import Arm, Comparison, Record, Settings, Summary
from harness.testbed.blueprint import blueprint_of, survey_machine
from harness.testbed.machine.directories import free_ports
from harness.testbed.stack.stack import Stack
from harness.testbed.stack.start import start_stacks
from harness.testbed.standalone import null_server
from tests.support.command import barehop, eventually, fixed, started

SPIKED_US = 100
LUCK_US = 70  # by which processes differ from start to start, on a machine with other tests beside
STAND_IN = Arm(name="stand-in", settings=Settings(path="/spike/0"))
EXPERIMENT = """
name = "containers"
[arms.bare]
path = "/spike/0"
[arms.docker]
url = "http://127.0.0.1:{port}/spike/0"
[arms.slow-docker]
url = "http://127.0.0.1:{port}/spike/{spike_us}"
pids = {pids}
[design]
pairs = [["docker", "bare"], ["slow-docker", "bare"], ["slow-docker", "docker"]]
"""


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The very stack of `bare`, started by somebody else."""
    directory = tmp_path_factory.mktemp("stand-in")
    blueprint = blueprint_of([STAND_IN], directory / "stack", survey_machine(directory), free_ports())
    with start_stacks([blueprint], probe_target) as stacks:
        yield stacks[0]


@pytest.fixture(scope="module")
def measured(stand_in: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("measured")
    pids = [stand_in.nginx.main_pid(), stand_in.app.main_pid()]
    port = stand_in.blueprint.targets["stand-in"].port
    (directory / "containers.toml").write_text(EXPERIMENT.format(port=port, spike_us=SPIKED_US, pids=pids))
    ended = barehop(directory, "run", "containers.toml", *fixed(3, 40), "--quiet", "--out", "out")
    assert (ended.code, ended.err) == (0, "")
    return directory / "out"


@pytest.fixture(scope="module")
def summary(measured: Path) -> Summary:
    return Summary.model_validate_json((measured / "summary.json").read_bytes())


def latency(summary: Summary, arm: str, against: str) -> Comparison:
    return next(c for c in summary.comparisons if (c.arm, c.against, c.metric) == (arm, against, "latency"))


@pytest.mark.parametrize("against", ["bare", "docker"])
def test_a_service_that_is_slower_by_a_known_time_is_found_to_be(summary: Summary, against: str) -> None:
    found = latency(summary, "slow-docker", against)
    assert found.us is not None
    assert found.us_low is not None
    assert found.us_high is not None
    # Few sessions, and one start of the service: twice as far as the interval says, or as processes differ by luck.
    reach = max(found.us_high - found.us_low, LUCK_US)
    assert found.us - reach < SPIKED_US < found.us + reach
    assert found.verdict in ("slower", "undecided")


def test_validate_gives_it_as_the_runtime_s_share(summary: Summary, measured: Path) -> None:
    ended = barehop(measured.parent, "validate", "out", "--json")
    assert (ended.code, ended.err) == (0, "")
    shares = {share["architecture"]: share for share in json.loads(ended.out)["shares"]}
    assert {name: (share["arm"], share["interval"]) for name, share in shares.items()} == {
        "docker": ("bare", "pairs"),
        "slow-docker": ("bare", "pairs"),
    }
    us = shares["slow-docker"]["us"]
    assert us["low"] - LUCK_US < SPIKED_US < us["high"] + LUCK_US
    found = latency(summary, "slow-docker", "bare")
    assert found.us_low is not None
    assert found.us_high is not None
    assert us["high"] - us["low"] > found.us_high - found.us_low


def test_cpu_time_is_read_of_the_processes_that_are_named(summary: Summary) -> None:
    assert summary.arms["docker"].cpu_us == {}
    used_us = summary.arms["slow-docker"].cpu_us["service"] - sum(summary.arms["bare"].cpu_us.values())
    assert SPIKED_US / 2 < used_us < 4 * SPIKED_US


def test_an_arm_with_a_url_says_so_and_what_cannot_be_known_of_it(summary: Summary, measured: Path) -> None:
    settings = summary.arms["docker"].settings
    assert "transport" not in settings
    assert settings["url"].startswith("http://127.0.0.1:")
    (doubt,) = [doubt for doubt in summary.doubts if doubt.kind == "url"]
    assert "the url of docker, slow-docker was already running" in doubt.seen
    assert "sessions do not restart it" in doubt.seen
    record = Record.model_validate_json((measured / "sessions/0001.json").read_bytes())
    assert record.proofs["docker"]["address"] == "127.0.0.1"
    assert len(record.proofs["slow-docker"]["pids"]["service"]) >= 4
    assert (measured / "report.html").is_file()


ONE_URL = """
[arms.floor]
chain = "floor"
[arms.docker]
url = "http://127.0.0.1:{port}{path}"
start = "docker start web"
"""


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def served(directory: Path, path: str = "/") -> Iterator[subprocess.Popen[bytes]]:
    """A small server in a process of its own, and the experiment `one.toml` that asks it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (directory / "one.toml").write_text(ONE_URL.format(port=port, path=path))
    process = subprocess.Popen([sys.executable, "-I", "-S", null_server.__file__, f"127.0.0.1:{port}"])
    try:
        assert eventually(lambda: listens(port))
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_service_that_ends_costs_what_comes_after_and_never_what_was_measured(tmp_path: Path) -> None:
    with served(tmp_path) as process, started(tmp_path, "run", "one.toml", *fixed(50, 3), "--out", "out") as run:
        assert eventually((tmp_path / "out/sessions/0001.json").is_file)
        process.kill()
        ended = run.ended()
    assert ended.code == 5
    assert "Arm 'docker': http://127.0.0.1:" in ended.err
    assert "does not answer: connection refused. Start it: docker start web" in ended.err
    assert "Traceback" not in ended.err
    assert (tmp_path / "out/summary.json").is_file()


def test_another_answer_than_that_of_the_reference_is_refused(tmp_path: Path) -> None:
    with served(tmp_path, "/bytes/100"):
        ended = barehop(tmp_path, "run", "one.toml", *fixed(2, 1), "--out", "out")
    assert ended.code == 2
    assert (
        "'docker' answers 100 bytes of application/octet-stream and 'floor' 83 bytes of application/json" in ended.err
    )


def test_containers_that_do_not_run_are_told_with_their_start_before_anything_is_made(tmp_path: Path) -> None:
    ended = barehop(tmp_path, "run", "containers")
    assert ended.code == 5
    assert ended.err.count("Start it: docker compose") == 3
    assert not (tmp_path / "results").exists()
