"""Reading the results of a fleet: directories of directories, patterns, names; what is damaged or given twice."""

from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.session.pool import read_fleet
from tests.support.comparable_runs import run_data, write_run
from tests.support.fleets import facts, write_fleet


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fleet(tmp_path_factory.mktemp("results") / "fleet")


def names(*arguments: object) -> list[str]:
    return [host.name for host in read_fleet([str(argument) for argument in arguments]).hosts]


def refusal(*arguments: object) -> list[str]:
    with pytest.raises(ConfigError) as problem:
        read_fleet([str(argument) for argument in arguments])
    return str(problem.value).splitlines()


def test_a_directory_of_directories_a_pattern_and_directories_one_by_one_are_the_same(fleet: Path) -> None:
    hosts = ["web1", "web2", "web3", "web4", "web5"]

    assert names(fleet) == hosts
    assert names(f"{fleet}/web?/run") == hosts
    assert names(*(fleet / host / "run" for host in hosts)) == hosts


def test_a_name_makes_one_host_of_all_that_it_is_given_for(fleet: Path) -> None:
    assert names(f"rack={fleet}/web[12]", fleet / "web3") == ["rack", "web3"]


def test_a_directory_whose_name_has_an_equals_sign_is_no_name(tmp_path: Path) -> None:
    write_run(run_data(host=facts(1)), tmp_path / "a=b")

    assert len(read_fleet([str(tmp_path / "a=b")]).hosts[0].runs) == 1


def test_what_is_absent_damaged_or_given_twice_is_a_sentence_each(fleet: Path, tmp_path: Path) -> None:
    damaged = write_run(run_data(host=facts(9)), tmp_path / "damaged")
    (damaged / "sessions/0002.json").write_text("{")
    headless = write_run(run_data(host=facts(8)), tmp_path / "headless")
    (headless / "plan.json").unlink()

    told = refusal(fleet, fleet / "web2", tmp_path / "nowhere", damaged, headless)

    assert told[0] == f"{tmp_path}/nowhere: there is no results directory here; each has a plan.json."
    assert told[1] == f"{fleet}/web2/run is given twice. Give each run once."
    assert any(line.startswith(f"{damaged}/sessions/0002.json") for line in told)
    assert any(str(headless) in line for line in told), told


def test_a_link_to_a_directory_is_the_same_directory(fleet: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(fleet / "web1" / "run")

    assert refusal(fleet, tmp_path / "link") == [f"{tmp_path}/link is given twice. Give each run once."]


def test_the_same_directory_twice_is_refused(fleet: Path) -> None:
    assert refusal(fleet / "web1/run", fleet / "web1/run/") == [f"{fleet}/web1/run is given twice. Give each run once."]
