"""Every kind of arm is measured: what its settings say is what its record proves."""

import json
import shutil
from pathlib import Path

import pytest

from harness.experiment.read import read_experiment
from harness.model import Record
from harness.model.record import ArmProof
from harness.testbed.servers.programs import find_nginx
from tests.support.command import CHECKOUT, barehop, fixed, sets

ONE_STACK = """
name = "one-stack"
[arms.plain]
[arms.uds-dir]
transport = "uds-dir"
[arms.tls]
tls = true
[arms.tls-kept]
tls = true
client_keepalive = true
[arms.client-kept]
client_keepalive = true
[arms.hop-kept-tcp]
upstream_keepalive = 16
[arms.hop-kept-uds]
upstream_keepalive = 16
transport = "uds-tmpfs"
[arms.everything-kept]
client_keepalive = true
upstream_keepalive = 16
[arms.large]
path = "/bytes/100000"
"""

OWN_STACKS = """
name = "own-stacks"
[arms.uvicorn]
[arms.asgi]
worker_class = "asgi"
[arms.asgi-kept]
worker_class = "asgi"
upstream_keepalive = 16
transport = "uds-tmpfs"
[arms.sync]
worker_class = "sync"
app = "app.wsgi:app"
[arms.two]
workers = 2
[arms.shared]
placement = "shared"
[arms.none]
placement = "none"
[arms.by-hand]
placement = { client = [0], nginx = [0], app = [0] }
"""


def measured(directory: Path, text: str) -> list[Record]:
    """The records of an experiment, after every request of it was answered right."""
    (directory / "kinds.toml").write_text(text)
    ended = barehop(directory, "run", "kinds.toml", *fixed(2, 2), "--quiet", "--out", "out")
    assert (ended.code, ended.err) == (0, "")
    records = [Record.model_validate_json(path.read_bytes()) for path in sorted(directory.glob("out/sessions/*.json"))]
    assert [record.failures for record in records] == [{}, {}]
    return records


def proofs_of(record: Record, arm: str) -> ArmProof:
    return record.proofs[arm]


@pytest.fixture(scope="module")
def one_stack(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return measured(tmp_path_factory.mktemp("one"), ONE_STACK)[-1]


@pytest.fixture(scope="module")
def own_stacks(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return measured(tmp_path_factory.mktemp("own"), OWN_STACKS)[-1]


def arms_of(text: str, directory: Path) -> set[str]:
    path = directory / "kinds.toml"
    path.write_text(text)
    return {arm.name for arm in read_experiment(path, ("design.control=false",)).arms}


def test_arms_that_differ_on_the_way_only_are_all_timed_on_one_stack(one_stack: Record, tmp_path: Path) -> None:
    timed = {visit.arm for visit in one_stack.visits if visit.mean_us}
    assert timed == arms_of(ONE_STACK, tmp_path)
    assert len({tuple(proof["pids"]["app"]) for proof in one_stack.proofs.values()}) == 1
    assert len({tuple(proof["pids"]["nginx"]) for proof in one_stack.proofs.values()}) == 1


def test_a_kept_client_connection_is_opened_before_it_is_timed(one_stack: Record) -> None:
    counts = {(visit.arm, visit.requests) for visit in one_stack.visits}
    assert {count for arm, count in counts if arm == "client-kept"} == {
        count for arm, count in counts if arm == "plain"
    }


def test_tls_arms_are_asked_over_https(one_stack: Record) -> None:
    schemes = {name: proof["url"].partition(":")[0] for name, proof in one_stack.proofs.items()}
    assert {name for name, scheme in schemes.items() if scheme == "https"} == {"tls", "tls-kept"}


def test_each_arm_goes_over_its_transport_on_the_right_file_system(one_stack: Record) -> None:
    assert proofs_of(one_stack, "hop-kept-uds")["hop"]["filesystem"] == "tmpfs"
    assert proofs_of(one_stack, "uds-dir")["hop"]["filesystem"] != "tmpfs"
    assert proofs_of(one_stack, "plain")["upstream"].startswith("127.0.0.1:")


def test_a_large_answer_arrives_whole(one_stack: Record) -> None:
    assert proofs_of(one_stack, "large")["body_bytes"] == 100_000


def test_arms_that_differ_in_processes_have_a_stack_each(own_stacks: Record, tmp_path: Path) -> None:
    assert {visit.arm for visit in own_stacks.visits if visit.mean_us} == arms_of(OWN_STACKS, tmp_path)
    stacks = {name: tuple(proof["pids"]["app"]) for name, proof in own_stacks.proofs.items()}
    assert stacks["asgi"] == stacks["asgi-kept"]
    assert len(set(stacks.values())) == len(stacks) - 1


def test_two_workers_are_two_processes(own_stacks: Record) -> None:
    workers = {name: len(proof["pids"]["app"]) for name, proof in own_stacks.proofs.items()}
    assert {name for name, count in workers.items() if count != 1} == {"two"}
    assert workers["two"] == 2


def test_placements_are_kept(own_stacks: Record) -> None:
    shared = proofs_of(own_stacks, "shared")["cpus"]
    everywhere = proofs_of(own_stacks, "none")["cpus"]
    assert shared["nginx"] == shared["app"]
    assert everywhere["client"] == everywhere["nginx"] == everywhere["app"]
    assert proofs_of(own_stacks, "by-hand")["cpus"] == {"client": [0], "nginx": [0], "app": [0]}


def test_separate_processes_are_never_shared(tmp_path: Path) -> None:
    text = 'name = "apart"\n[arms.a]\n[arms.b]\n[design]\nprocesses = "separate"\n'
    record = measured(tmp_path, text)[-1]
    assert proofs_of(record, "a")["pids"] != proofs_of(record, "b")["pids"]
    assert {path.name for path in (tmp_path / "out/stack/0001").iterdir()} == {"1", "2"}


def test_an_nginx_that_was_built_without_modules_serves_a_run(tmp_path: Path) -> None:
    stand_in = CHECKOUT / "tests/data/lab/nginx-without-modules"
    env = {"REAL_NGINX": find_nginx("nginx").path}
    ended = barehop(tmp_path, "run", "quick", *fixed(2, 2), *sets(nginx=stand_in), "--out", "out", env=env)
    assert ended.code == 0, ended.err
    (served,) = json.loads((tmp_path / "out/host.json").read_text())["serving"]
    assert "--without-http_uwsgi_module" in served["nginx"]["configure"]


@pytest.mark.needs_ab
def test_the_seed_is_measured_by_apachebench(tmp_path: Path) -> None:
    ended = barehop(tmp_path, "run", "seed", *fixed(2, 1), *sets(tool_requests=20), "--out", "out")
    assert ended.code == 0
    record = Record.model_validate_json((tmp_path / "out/sessions/0002.json").read_bytes())
    assert {(visit.arm, visit.requests) for visit in record.visits} == {
        (arm, 20) for arm in ("tcp", "sharedvolume", "combined")
    }
    assert all(visit.mean_us and visit.percentiles_us[50] > 0 for visit in record.visits)


@pytest.mark.needs_tools
def test_outside_tools_are_clients_like_any_other(tmp_path: Path) -> None:
    names = [name for name in ("wrk", "locust") if shutil.which(name)]
    if not names:
        pytest.skip("neither wrk nor locust is installed")
    tools = f"factors.tool={names}".replace("'", '"')
    settings = sets(tool_requests=20, tls="true", client_keepalive="true")
    ended = barehop(tmp_path, "run", "tools", "--set", tools, *fixed(2, 1), *settings, "--out", "out")
    assert ended.code == 0, ended.err
    record = Record.model_validate_json((tmp_path / "out/sessions/0002.json").read_bytes())
    arms = {f"{name}/{transport}" for name in names for transport in ("tcp", "uds-tmpfs")}
    assert {(visit.arm, visit.requests) for visit in record.visits} == {(arm, 20) for arm in arms}
    assert all(visit.mean_us and visit.percentiles_us[50] > 0 for visit in record.visits)
    assert record.failures == {}


def test_a_tool_that_is_missing_comes_with_the_way_to_get_it(tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("nginx", "sh"):
        (programs / name).symlink_to(shutil.which(name) or name)
    ended = barehop(tmp_path, "run", "tools", "--set", 'factors.tool=["hey"]', env={"PATH": str(programs)})
    assert ended.code == 3
    assert "There is no program 'hey'" in ended.err
    assert "scripts/setup tools" in ended.err
