"""What every host gets: the file, its options, and the directories that it names."""

from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.experiment.read import read_experiment
from harness.fleet.archive import unpack_archive
from harness.fleet.job import SENT, create_fleet_directory, create_job, read_job

EXPERIMENT = """
[arm]
app_dir = "{app}"
[arms.a]
[arms."b.c"]
app_dir = "{other}"
transport = "uds-tmpfs"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    for name in ("app", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.py").write_text(name)
    path = tmp_path / "shop.toml"
    path.write_text(EXPERIMENT.format(app=tmp_path / "app", other=tmp_path / "other"))
    return path


def test_each_arm_finds_its_application_where_it_is_unpacked(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = create_job(config, ["design.budget_s=30"], allow_global=False, sends=True)
    there = tmp_path / "there"
    for name, content in job.archives.items():
        unpack_archive(content, there / SENT / name.partition(".")[0])
    monkeypatch.chdir(there)
    experiment = read_experiment(config, job.options.overrides)
    assert experiment.design.budget_s == 30
    directories = {arm.name: Path(arm.settings.app_dir) for arm in experiment.arms}
    assert (directories["a"] / "main.py").read_text() == "app"
    assert (directories["b.c"] / "main.py").read_text() == "other"
    assert all(there in directory.parents for directory in directories.values())


def test_a_job_is_resumed_as_it_was_begun(config: Path, tmp_path: Path) -> None:
    job = create_job(config, [], allow_global=True, sends=True)
    directory = create_fleet_directory(job, tmp_path / "results", None)
    (tmp_path / "app/main.py").write_text("changed since")
    assert read_job(directory) == job
    assert not (directory / "sessions").exists()  # else pool would take it for a run


def test_nothing_is_sent_where_the_hosts_have_it(config: Path) -> None:
    job = create_job(config, [], allow_global=False, sends=False)
    assert (job.archives, job.options.overrides) == ({}, ())


def test_levels_that_are_paths_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text('[factors]\napp_dir = ["/a", "/b"]\n')
    with pytest.raises(ConfigError, match="--app-there"):
        create_job(tmp_path / "x.toml", [], allow_global=False, sends=True)


def test_another_version_does_not_continue(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = create_fleet_directory(create_job(config, [], allow_global=False, sends=False), tmp_path, None)
    monkeypatch.setattr("harness.__version__", "9.9")
    with pytest.raises(ConfigError, match=r"begun by barehop .*, and this is 9\.9"):
        read_job(directory)
    with pytest.raises(ConfigError, match="holds no results of a fleet"):
        read_job(tmp_path / "elsewhere")
