"""The interpreter that serves says what it would import, and nothing in that names a user."""

import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from harness.analysis.between_runs.changes import compare_runs
from harness.model import Arm, Settings
from harness.observe.host.serving import parse_nginx_version, serving_facts
from tests.support.comparable_runs import run_data
from tests.support.simulated_run import HOST


def facts_of(**settings: Any) -> dict[str, Any]:
    (facts,) = serving_facts([Arm(name="a", settings=Settings(**settings))], {})
    return facts


@pytest.mark.parametrize("package_file", [True, False])
def test_the_users_package_app_is_the_one_that_is_named(tmp_path: Path, *, package_file: bool) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/main.py").write_text("import helper\nimport starlette\napp = None\n")
    (tmp_path / "helper.py").write_text("")
    if package_file:
        (tmp_path / "app/__init__.py").write_text("print('loud')\n")
    own, theirs = facts_of(), facts_of(app_dir=str(tmp_path))
    assert own["application"]["file"] == theirs["application"]["file"] == "app/main.py"
    assert own["application"]["sha256"] != theirs["application"]["sha256"]
    assert (own["application"]["directory"], theirs["application"]["directory"]) == ("", str(tmp_path))
    assert theirs["application"]["files"] == 2 + package_file


def test_a_change_of_what_the_application_imports_changes_the_hash_of_its_files(tmp_path: Path) -> None:
    hashes = []
    for number, text in enumerate(("x = 1\n", "x = 2\n")):
        directory = tmp_path / str(number)
        directory.mkdir()
        (directory / "mine.py").write_text("from helper import x\n")
        (directory / "helper.py").write_text(text)
        (directory / "unrelated.py").write_text(text)
        hashes.append(facts_of(app_dir=str(directory), app="mine:app")["application"])
    assert hashes[0]["sha256"] == hashes[1]["sha256"]
    assert hashes[0]["files_sha256"] != hashes[1]["files_sha256"]


def test_packages_that_the_application_imports_are_among_the_versions(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import rich\n")
    packages = facts_of(app_dir=str(tmp_path), app="mine:app")["python"]["packages"]
    assert {"gunicorn", "uvicorn", "rich"} <= packages.keys()


def test_an_interpreter_that_cannot_serve_is_a_sentence_and_no_error(tmp_path: Path) -> None:
    assert "There is no program" in facts_of(python=str(tmp_path / "python"))["python"]["problem"]


def test_an_application_that_is_not_there_has_no_file(tmp_path: Path) -> None:
    facts = facts_of(app_dir=str(tmp_path), app="absent:app")
    assert "file" not in facts["application"]
    assert facts["python"]["version"] == ".".join(map(str, sys.version_info[:3]))


def test_arms_that_are_served_alike_share_an_entry_and_services_have_none() -> None:
    arms = [Arm(name=name, settings=Settings(transport=name)) for name in ("tcp", "uds-tmpfs")]
    arms.append(Arm(name="url", settings=Settings(url="http://127.0.0.1:1/")))
    (facts,) = serving_facts(arms, {"nginx": "nginx version: nginx/1.22.1\nbuilt with OpenSSL 3.0.1\n"})
    assert facts["arms"] == ["tcp", "uds-tmpfs"]
    assert facts["nginx"] == {"version": "nginx/1.22.1", "openssl": "OpenSSL 3.0.1"}


def test_what_nginx_says_is_taken_apart() -> None:
    text = "nginx version: openresty/1.25.3\nbuilt with OpenSSL 3.0.1 1 Jan\nconfigure arguments: --with-debug\n"
    expected = {"version": "openresty/1.25.3", "openssl": "OpenSSL 3.0.1 1 Jan", "configure": "--with-debug"}
    assert parse_nginx_version(text) == expected
    assert parse_nginx_version("not nginx") == {}


def environment_in(directory: Path, installed: dict[str, str]) -> str:
    """A real environment, which finds what gunicorn needs in ours, and says that it has `installed`."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--system-site-packages", directory], check=True)
    (packages,) = directory.glob("lib/python*/site-packages")
    (packages / "ours.pth").write_text(sysconfig.get_path("purelib"))
    for name, version in installed.items():
        told = packages / f"{name}-{version}.dist-info/METADATA"
        told.parent.mkdir()
        told.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return str(directory / "bin/python")


def test_packages_of_another_environment_are_recorded_without_importing_them_and_told_between_runs(
    tmp_path: Path,
) -> None:
    """There is nothing to import: an environment has the metadata of uvloop and httptools, and not their modules."""
    fast = {"uvloop": "0.0.21", "httptools": "0.0.6"}
    pythons = environment_in(tmp_path / "plain", {}), environment_in(tmp_path / "fast", fast)
    facts = [serving_facts([Arm(name="tcp", settings=Settings(python=python))], {}) for python in pythons]
    plain, other = (entry["python"]["packages"] for (entry,) in facts)
    assert {**plain, **fast} == other
    assert {"gunicorn", "uvicorn", "starlette"} <= plain.keys()

    hosts = [{**HOST, "serving": served} for served in facts]
    comparison = compare_runs([run_data(host=hosts[0]), run_data("results/fast", rounds=36, host=hosts[1])])
    assert {contrast.field: contrast.values for contrast in comparison.host} == {
        f"serving.python.packages.{name}": (plain.get(name), version) for name, version in fast.items()
    }
