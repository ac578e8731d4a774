"""The built wheel carries all that a run needs, and works away from the checkout."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

CHECKOUT = Path(__file__).parents[2]
BUILT_FROM = ["harness", "app", "configs", "pyproject.toml", "README.md", "LICENSE"]


def run(*command: str | Path, cwd: Path, path: Path | None = None) -> str:
    environment = os.environ | ({"PYTHONPATH": str(path)} if path else {})
    done = subprocess.run(
        [sys.executable, *command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("source")
    for name in BUILT_FROM:
        copy = shutil.copytree if (CHECKOUT / name).is_dir() else shutil.copy
        copy(CHECKOUT / name, source / name)
    run("-m", "build", "--wheel", "--no-isolation", "--outdir", source / "dist", cwd=source)
    (built,) = (source / "dist").iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the wheel is installed, alone; what it depends on is found in this environment."""
    target = tmp_path_factory.mktemp("installed")
    run("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", target, wheel, cwd=target)
    return target


def tracked(directory: str) -> set[str]:
    files = (CHECKOUT / directory).rglob("*")
    return {str(file.relative_to(CHECKOUT)) for file in files if file.is_file() and "__pycache__" not in file.parts}


def test_the_wheel_holds_the_harness_the_app_the_configurations_and_nothing_else(wheel: Path) -> None:
    names = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names - {"barehop.pth"} | {"harness/barehop.pth"} == tracked("harness") | tracked("app") | tracked("configs")


def test_the_wheel_states_its_licence(wheel: Path) -> None:
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in ZipFile(wheel).namelist())


def test_the_installed_command_lists_its_plug_ins_away_from_the_checkout(installed: Path, tmp_path: Path) -> None:
    imported = run("-c", "import harness; print(harness.__file__)", cwd=tmp_path, path=installed)
    assert Path(imported.strip()).is_relative_to(installed)
    listed = run("-m", "harness", "list", cwd=tmp_path, path=installed)
    assert "uds-tmpfs" in listed


def test_the_baseline_is_found_away_from_the_checkout(installed: Path, tmp_path: Path) -> None:
    planned = run("-m", "harness", "plan", "configs/baseline.toml", cwd=tmp_path, path=installed)
    assert "uds-tmpfs" in planned
