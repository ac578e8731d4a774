"""What can be served to another machine, and the arms with urls that such a machine pastes."""

from pathlib import Path

import pytest

from harness.analysis.between_runs.metadata import changes_since, is_decisive
from harness.errors import ConfigError
from harness.experiment.read import read_experiment
from harness.model import Experiment, Target
from harness.remote.link import parse_address
from harness.report.commands.serve import url_arms
from harness.session.serve import distance_problems

TWO_ARMS = '[arms.tcp]\n[arms."u d/s"]\ntransport = "uds-tmpfs"\nmethod = "POST"\nbody = "a=1"\nconnections = 4\n'


def experiment_of(text: str, directory: Path) -> Experiment:
    (directory / "x.toml").write_text(text)
    return read_experiment(directory / "x.toml")


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ('chain = "floor"', "its client connects to the hop"),
        ('chain = "app-direct"', "its client connects to the hop"),
        ('network = "veth"\nnetwork_leg = "front"', "the way of a client on this machine"),
        ('url = "http://127.0.0.1:1/"', "has a url already"),
        ('knobs = { "net.ipv4.tcp_sack" = 0 }', "change a network or the machine"),
    ],
)
def test_an_arm_that_nobody_else_can_visit_is_refused(setting: str, reason: str, tmp_path: Path) -> None:
    problems = list(distance_problems(experiment_of(f"[arms.tcp]\n[arms.odd]\n{setting}\n", tmp_path)))
    assert any(reason in problem for problem in problems)


def test_arms_behind_nginx_and_rungs_of_the_hop_are_not(tmp_path: Path) -> None:
    text = TWO_ARMS + '[arms.veth]\nnetwork = "veth"\n[arms.proxy]\nchain = "proxy-only"\n[design]\nagainst = "tcp"\n'
    assert list(distance_problems(experiment_of(text, tmp_path))) == []


def test_the_arms_with_urls_are_an_experiment_with_the_same_load_and_pairs(tmp_path: Path) -> None:
    experiment = experiment_of(TWO_ARMS, tmp_path)
    targets = {arm.name: Target("10.0.0.1", 8000, arm.settings.path) for arm in experiment.arms}
    pasted = experiment_of(url_arms(experiment, targets), tmp_path)
    first, second = (pasted.arm(name).settings for name in ("tcp", "u d/s"))
    assert (first.url, first.host, first.connections) == ("http://10.0.0.1:8000/", "localhost", 1)
    assert (second.method, second.body, second.connections) == ("POST", "a=1", 4)
    assert {pair for pair in pasted.pairs if "control" not in pair} == {
        pair for pair in experiment.pairs if "control" not in pair
    }


def test_an_address_has_a_host_and_a_port() -> None:
    assert parse_address("10.0.0.1:80") == ("10.0.0.1", 80)
    for wrong in ("10.0.0.1", ":80", "host:0", "host:65536", "host:x"):
        with pytest.raises(ConfigError, match="give HOST:PORT"):
            parse_address(wrong)


def test_a_change_of_the_serving_machine_is_as_decisive_as_one_of_the_client() -> None:
    def host(release: str, free_bytes: int) -> dict[str, object]:
        of_server = {
            "kernel": {"release": release},
            "memory": {"available_bytes": free_bytes},
            "sysctls": {"a": release},
        }
        return {"kernel": {"release": "6.12"}, "server": of_server}

    (change,) = changes_since(host("6.1", 1), host("6.2", 2))
    assert change.field == "server.kernel.release"
    assert is_decisive(change)
