"""The built wheel carries all that a run needs, and works away from the checkout."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.support.command import LOCK, fixed

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
    listed = run("-m", "harness", "list", "transports", cwd=tmp_path, path=installed)
    assert "uds-tmpfs" in listed


def test_the_baseline_is_found_away_from_the_checkout(installed: Path, tmp_path: Path) -> None:
    planned = run("-m", "harness", "plan", "configs/baseline.toml", cwd=tmp_path, path=installed)
    assert "uds-tmpfs" in planned


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment in which the wheel is installed as anybody would; what it depends on is found in ours."""
    made = tmp_path_factory.mktemp("environment")
    run("-m", "venv", "--without-pip", made, cwd=made)
    python = made / "bin/python"
    run("-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=made)
    (packages,) = made.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return made


def put_astray(directory: Path, kind: str) -> None:
    """What ends whatever imports it, without a word."""
    for name in ("harness", "app", "click") if kind == "modules" else ("harness", "app"):
        path = directory / (f"{name}.py" if kind == "modules" else f"{name}/__init__.py")
        path.parent.mkdir(exist_ok=True)
        path.write_text("raise SystemExit(0)")


def call(command: Path, cwd: Path, *words: str, named: bool = True) -> subprocess.CompletedProcess[str]:
    """The command in a directory, which is `named` on PYTHONPATH or is the current one only."""
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    surroundings |= {"PYTHONPATH": str(cwd)} if named else {}
    start = [command, "-m", "harness"] if command.name == "python" else [command]
    return subprocess.run([*start, *words], cwd=cwd, env=surroundings, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("called", ["bin/barehop", "bin/python"])
@pytest.mark.parametrize("named", [False, True], ids=["current", "on-PYTHONPATH"])
@pytest.mark.parametrize("kind", ["modules", "packages"])
def test_the_installed_command_works_among_modules_and_packages_with_the_names_of_ours(
    environment: Path, tmp_path: Path, kind: str, called: str, *, named: bool
) -> None:
    put_astray(tmp_path, kind)
    assert "uds-tmpfs" in call(environment / called, tmp_path, "plan", "quick", named=named).stdout


@pytest.mark.parametrize("called", ["bin/barehop", "bin/python"])
def test_a_gate_among_them_does_not_end_with_0(environment: Path, tmp_path: Path, called: str) -> None:
    put_astray(tmp_path, "modules")
    gate = call(environment / called, tmp_path, "compare", "missing", "missing", "--gate", "2")
    assert gate.returncode == 2
    assert "missing" in gate.stderr


def test_the_installed_command_measures_among_modules_with_the_names_of_ours(environment: Path, tmp_path: Path) -> None:
    put_astray(tmp_path, "modules")
    surroundings = os.environ | {"PYTHONPATH": str(tmp_path), "BAREHOP_LOCK": str(tmp_path.parent / LOCK)}
    command: list[str | Path] = [environment / "bin/barehop", "run", "quick", *fixed(2, 2), "--out", "out"]
    done = subprocess.run(command, cwd=tmp_path, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    assert "uds-tmpfs" in done.stdout
    assert (tmp_path / "out/summary.json").exists()
