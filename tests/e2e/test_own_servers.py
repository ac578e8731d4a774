"""Other application servers behind the same nginx: uvicorn alone, and whatever a command starts."""

import json
import sys
from pathlib import Path

import pytest

from harness.model import Record, Summary
from tests.support.command import barehop, eventually, first_record, fixed, sets, started
from tests.support.stacks import TEN_LINE_SERVER, impostor

UVICORN = "{python} -P -m uvicorn --app-dir {app_dir} --uds {socket} --log-level warning --no-access-log {app}"
EXPERIMENT = f"""
[arms.gunicorn]
[arms.uvicorn]
server = "uvicorn"
transport = "uds-tmpfs"
[arms.command]
command = "{UVICORN}"
transport = "uds-tmpfs"
[arms.ten-lines]
command = "{{python}} {TEN_LINE_SERVER} {{host}} {{port}}"
[design]
against = "gunicorn"
"""


def misbehaving(directory: Path, *habit: object) -> list[str]:
    """The arguments of a run whose application is the server of ten lines with such a habit."""
    (directory / "trial.toml").write_text("[arms.own]\n[arms.kept]\nupstream_keepalive = 1\n")
    command = " ".join(["{python}", str(TEN_LINE_SERVER), "{host}", "{port}", *map(str, habit)])
    return ["run", "trial.toml", *fixed(2, 1), *sets(command=command, start_timeout_s=2), "--out", "out"]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("servers")
    (directory / "servers.toml").write_text(EXPERIMENT)
    ended = barehop(directory, "run", "servers.toml", *fixed(2, 2), "--out", "out")
    assert ended.code == 0, ended.err
    return directory


def test_each_server_gets_a_verdict(measured: Path) -> None:
    summary = Summary.model_validate_json((measured / "out/summary.json").read_bytes())
    latencies = {effect.arm: effect.verdict for effect in summary.comparisons if effect.metric == "latency"}
    assert latencies.keys() == {"uvicorn", "command", "ten-lines"}
    assert None not in latencies.values()
    assert all(arm.failed == 0 and arm.requests for arm in summary.arms.values())


def test_each_server_is_proved_to_be_ours_and_its_cpu_time_is_read(measured: Path) -> None:
    record: Record = first_record(measured)
    pids = {name: tuple(proof["pids"]["app"]) for name, proof in record.proofs.items()}
    assert len(set(pids.values())) == 4
    assert all(len(of_app) == 1 for of_app in pids.values())
    assert all(proof["hop"]["listener"] for proof in record.proofs.values())


def test_host_json_names_the_file_of_a_command(measured: Path) -> None:
    serving = {facts["arms"][0]: facts for facts in json.loads((measured / "out/host.json").read_bytes())["serving"]}
    assert serving["ten-lines"]["application"]["file"].endswith("ten_line_server.py")
    assert serving["command"]["application"]["program"].endswith(Path(sys.executable).name)


@pytest.mark.parametrize(
    ("habit", "sentence"),
    [
        ("dies", "ended with exit code 1. Its log, "),
        ("daemon", "A command must stay in the foreground: barehop ends what it leaves behind."),
        ("silent", "runs, but does not listen on 127.0.0.1:"),
        ("elsewhere", " instead of 127.0.0.1:"),
        ("everywhere", "listens on 0.0.0.0:"),
    ],
)
def test_a_command_that_does_not_serve_where_it_should_ends_the_run_in_a_sentence(
    tmp_path: Path, habit: str, sentence: str
) -> None:
    ended = barehop(tmp_path, *misbehaving(tmp_path, habit))
    assert ended.code == 4
    assert sentence in ended.err
    assert "/out/stack/0001/command.log, ends:" in ended.err
    assert list((tmp_path / "out/sessions").iterdir()) == []


def test_a_stale_process_on_its_address_is_named(tmp_path: Path) -> None:
    port = tmp_path / "port"
    with started(tmp_path, *misbehaving(tmp_path, "stale", port)) as command:
        assert eventually(lambda: port.is_file() and port.read_text())
        with impostor(f"127.0.0.1:{port.read_text()}"):
            ended = command.ended()
    assert ended.code == 4
    assert f"127.0.0.1:{port.read_text()} is served by process " in ended.err
    assert "which this run has not started. Stop that server." in ended.err
