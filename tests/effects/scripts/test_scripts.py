"""The scripts that a fresh clone starts with: what they set up, say, skip and repeat."""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[3] / "scripts"
TOOLS = "cat chmod cp dirname find flock ln mkdir mv paste rm sed sha256sum sort tail"
PYTHON = """
echo "$*" >>'{log}'
case "$*" in
    *.venv/tools*) mkdir -p .venv/tools/bin; cp "$0" .venv/tools/bin/python ;;
    *"-m venv"*) mkdir -p .venv/bin .venv/packages; cp "$0" .venv/bin/python ;;
    *purelib*) echo .venv/packages ;;
    *--version*) echo barehop, version 1 ;;
    *harness/start.py*) shift 5; echo "$@" ;;
    *"-m pytest"*) shift 3; exec .venv/bin/pytest "$@" ;;
    *"-m mypy"*) exec .venv/bin/mypy ;;
esac
"""
FAILING_PIP = PYTHON + 'case "$*" in *--require-hashes*) exit 1 ;; esac'


def program(path: Path, body: str = "") -> None:
    path.write_text("#!/bin/sh\n" + body)
    path.chmod(0o755)


def led_elsewhere(tools: Path) -> dict[str, str]:
    """What makes pip install elsewhere, or nothing."""
    return {"PIP_USER": "1", "PIP_TARGET": str(tools / "target"), "PIP_PREFIX": str(tools), "PIP_DRY_RUN": "1"}


def call(*command: str | Path, path: Path | str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PATH": str(path)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH with nginx, ab, a Python that makes environments of one file, and no package manager."""
    directory = tmp_path / "tools"
    directory.mkdir()
    for name in TOOLS.split():
        (directory / name).symlink_to(shutil.which(name) or name)
    program(directory / "python3", PYTHON.format(log=directory / "log"))
    program(directory / "nginx")
    program(directory / "ab")
    return directory


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that needs no Python package; there is a space in its path."""
    directory = tmp_path / "check out"
    shutil.copytree(SCRIPTS, directory / "scripts")
    (directory / "harness").mkdir()
    for name in ("start.py", "barehop.pth"):
        shutil.copy(SCRIPTS.parent / "harness" / name, directory / "harness")
    (directory / "requirements.lock").touch()
    (directory / "requirements-test.lock").touch()
    (directory / "requirements-tools.lock").touch()
    return directory


@pytest.fixture
def ready(checkout: Path, tools: Path) -> Path:
    """The same, set up for the tests."""
    assert call(checkout / "scripts/setup", "test", path=tools).returncode == 0
    (tools / "log").unlink()
    return checkout


def test_a_real_environment_finds_the_project_where_the_path_has_an_apostrophe_and_pip_is_led_elsewhere(
    checkout: Path, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in led_elsewhere(tools).items():
        monkeypatch.setenv(name, value)
    program(tools / "python3", f"exec '{sys.executable}' \"$@\"")
    odd = checkout.rename(checkout.with_name("it's here"))
    (odd / "harness/__main__.py").write_text("import sys; print('barehop', *sys.argv[1:])")
    bench = call(odd / "scripts/bench", "--set", "a b", path=f"{tools}:{os.environ['PATH']}")
    assert bench.stdout == "barehop run configs/baseline.toml --set a b\n", bench.stderr
    left = call(odd / ".venv/bin/barehop", "plan", "a b", path=tools)
    assert (left.returncode, left.stdout) == (0, "barehop plan a b\n"), left.stderr
    assert not (tools / "target").exists()
    assert list(odd.glob(".venv/lib/python*/site-packages/pip"))


def test_no_setting_of_pip_leads_the_installation_elsewhere(
    checkout: Path, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = led_elsewhere(tools)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    told = " ".join(f"{name}=${{{name}-unset}}" for name in (*environment, "PIP_INDEX_URL"))
    body = f"""case "$*" in *"-m pip install"*) echo "{told} $*" >>'{tools}/pip' ;; esac\n"""
    program(tools / "python3", body + PYTHON.format(log=tools / "log"))
    odd = checkout.rename(checkout.with_name("it's here"))
    done = call(odd / "scripts/setup", "test", path=tools)
    assert done.returncode == 0, done.stderr
    installations = (tools / "pip").read_text().splitlines()
    unset = "".join(f"{name}=unset " for name in environment)
    assert len(installations) >= 3
    for words in installations:
        assert words.startswith(f"{unset}PIP_INDEX_URL=https://mirror.example/simple -m pip install "), words
        assert " --no-user " in words
    left = call(odd / ".venv/bin/barehop", "plan", "a b", path=tools)
    assert (left.returncode, left.stdout) == (0, "plan a b\n"), left.stderr


def test_each_layer_is_installed_from_its_lock_with_hashes(checkout: Path, tools: Path) -> None:
    call(checkout / "scripts/setup", "runtime", path=tools)
    installed = [line.split()[-1] for line in (tools / "log").read_text().splitlines() if "--require-hashes" in line]
    assert installed == ["requirements.lock"]
    call(checkout / "scripts/setup", "test", path=tools)
    log = (tools / "log").read_text()
    assert "--require-hashes -r requirements-tools.lock" in log
    assert "--require-hashes -r requirements-test.lock" in log


LOAD_TOOLS = ("wrk", "hey", "h2load")


def test_the_load_tools_are_a_layer_of_their_own(checkout: Path, tools: Path) -> None:
    for name in LOAD_TOOLS:
        program(tools / name)
    done = call(checkout / "scripts/setup", "tools", path=tools)
    assert done.returncode == 0, done.stderr
    installed = [line.split()[-1] for line in (tools / "log").read_text().splitlines() if "--require-hashes" in line]
    assert installed == ["requirements.lock", "requirements-tools.lock"]
    assert (checkout / ".venv/bin/locust").is_symlink()
    again = call(checkout / "scripts/setup", "runtime", path=tools)
    assert (again.returncode, again.stderr) == (0, "")


def test_what_is_measured_first_needs_no_load_tools(checkout: Path, tools: Path) -> None:
    call(checkout / "scripts/setup", "runtime", path=tools)
    assert "tools" not in (tools / "log").read_text().replace(str(tools), "")
    assert not (checkout / ".venv/tools").exists()


def test_load_tools_that_were_asked_for_must_be_had(checkout: Path, tools: Path) -> None:
    done = call(checkout / "scripts/setup", "tools", path=tools)
    assert done.returncode == 3
    assert "lacks: wrk hey nghttp2." in done.stderr


def test_a_program_that_did_not_run_is_unpacked_again(checkout: Path, tools: Path) -> None:
    (tools / "nginx").unlink()
    program(tools / "apt-get")
    body = f'echo "$*" >>"{tools}/unpacked"; mkdir -p "$1/usr/sbin"; printf "#!/bin/sh\\nexit 127" >"$1/usr/sbin/nginx"'
    program(checkout / "scripts/unpack", f'{body}; chmod +x "$1/usr/sbin/nginx"')
    for _ in range(2):
        assert "The unpacked nginx does not run" in call(checkout / "scripts/setup", "runtime", path=tools).stderr
    assert len((tools / "unpacked").read_text().splitlines()) == 2


def test_the_tests_go_without_the_load_tools_that_cannot_be_had(checkout: Path, tools: Path) -> None:
    done = call(checkout / "scripts/setup", "test", path=tools)
    assert done.returncode == 0
    assert "the tests that need one are skipped" in done.stderr


def test_a_program_that_cannot_be_loaded_is_no_load_tool(checkout: Path, tools: Path) -> None:
    program(tools / "apt-get")
    body = 'mkdir -p "$1/usr/bin"; for name in wrk hey h2load; do'
    program(
        checkout / "scripts/unpack",
        f'{body} printf "#!/bin/sh\nexit 127" >"$1/usr/bin/$name"; chmod +x "$1/usr/bin/$name"; done',
    )
    done = call(checkout / "scripts/setup", "tools", path=tools)
    assert done.returncode == 3
    assert "The unpacked wrk does not run" in done.stderr


@pytest.mark.parametrize("layer", ["runtime", "test"])
def test_what_is_there_is_left_alone_without_a_word(ready: Path, tools: Path, layer: str) -> None:
    again = call(ready / "scripts/setup", layer, path=tools)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert not (tools / "log").exists()


def test_an_interrupted_setup_is_begun_again_from_nothing(ready: Path, tools: Path) -> None:
    (ready / ".venv/runtime.stamp").unlink()
    half = ready / ".venv/half-installed"
    half.touch()
    assert call(ready / "scripts/setup", "runtime", path=tools).returncode == 0
    assert not half.exists()


def test_a_failing_installation_leaves_nothing_that_looks_whole(ready: Path, tools: Path) -> None:
    (ready / "requirements.lock").write_text("# another pin\n")
    program(tools / "python3", FAILING_PIP.format(log=tools / "log"))
    for _ in range(2):
        again = call(ready / "scripts/setup", "runtime", path=tools)
        assert again.returncode == 3
        assert "making .venv" in again.stderr
        assert "pip could not install what requirements.lock pins" in again.stderr


def test_a_set_up_that_failed_says_the_way_out_and_does_not_unpack_again(checkout: Path, tools: Path) -> None:
    (tools / "nginx").unlink()
    program(tools / "apt-get")
    body = f'echo "$*" >>"{tools}/unpacked"; mkdir -p "$1/usr/sbin"; echo "#!/bin/sh" >"$1/usr/sbin/nginx"'
    program(checkout / "scripts/unpack", f'{body}; chmod +x "$1/usr/sbin/nginx"')
    program(tools / "python3", FAILING_PIP.format(log=tools / "log"))
    failed = call(checkout / "scripts/setup", "runtime", path=tools)
    assert failed.returncode == 3
    assert "set PIP_CERT to the file" in failed.stderr
    assert "set PIP_INDEX_URL. Then run this again" in failed.stderr
    program(tools / "python3", PYTHON.format(log=tools / "log"))
    again = call(checkout / "scripts/setup", "runtime", path=tools)
    assert again.returncode == 0, again.stderr
    assert (tools / "unpacked").read_text() == ".venv/distribution nginx\n"
    assert call(checkout / ".venv/bin/nginx", "-v", path=tools).returncode == 0


def test_tests_that_cannot_be_set_up_spoil_what_was_there_visibly(ready: Path, tools: Path) -> None:
    (ready / "requirements-test.lock").write_text("# another pin\n")
    program(ready / ".venv/bin/python", FAILING_PIP.format(log=tools / "log"))
    assert call(ready / "scripts/setup", "test", path=tools).returncode == 3
    assert "making .venv" in call(ready / "scripts/setup", "runtime", path=tools).stderr


def test_a_checkout_that_was_moved_gets_an_environment_of_its_own(ready: Path, tools: Path) -> None:
    moved = ready.rename(ready.with_name("moved"))
    assert "making .venv" in call(moved / "scripts/setup", "runtime", path=tools).stderr


def test_a_program_that_went_with_the_old_environment_is_missed(ready: Path, tools: Path) -> None:
    (tools / "ab").rename(ready / ".venv/bin/ab")
    (ready / ".venv/runtime.stamp").unlink()
    assert "lacks: apache2-utils" in call(ready / "scripts/setup", "runtime", path=tools).stderr


def test_test_runs_only_pytest_when_it_is_given_arguments(ready: Path, tools: Path) -> None:
    program(ready / ".venv/bin/pytest", 'echo "$@"; exit 5')
    done = call(ready / "scripts/test", "tests/unit", "-k", "a b", path=tools)
    assert (done.returncode, done.stdout) == (5, "tests/unit -k a b\n")


def test_test_stops_at_the_first_tool_that_fails(ready: Path, tools: Path) -> None:
    program(ready / ".venv/bin/ruff", '[ "$1" = check ] || exit 7')
    program(ready / ".venv/bin/pytest", "exit 1")
    done = call(ready / "scripts/test", path=tools)
    assert done.returncode == 7
    assert done.stderr.splitlines() == ["test: ruff check", "test: ruff format --check"]


def test_a_machine_without_python_is_told_so_in_one_sentence(checkout: Path, tools: Path) -> None:
    (tools / "python3").unlink()
    done = call(checkout / "scripts/bench", path=tools)
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert "Python 3.11 or later" in done.stderr


def test_a_python_that_is_too_old_is_named(checkout: Path, tools: Path) -> None:
    program(tools / "python3", '[ "$1" = --version ] && echo Python 3.9.2')
    assert "Python 3.9.2" in call(checkout / "scripts/bench", path=tools).stderr


@pytest.mark.parametrize(
    ("manager", "package"),
    [("dnf", "httpd-tools"), ("pacman", "apache"), ("apk", "apache2-utils"), ("zypper", "apache2-utils")],
)
def test_without_apt_the_packages_of_the_distribution_are_named(
    checkout: Path, tools: Path, manager: str, package: str
) -> None:
    (tools / "ab").unlink()
    program(tools / manager)
    done = call(checkout / "scripts/bench", path=tools)
    assert done.returncode == 3
    assert f"lacks: {package}." in done.stderr


def test_the_tests_get_a_browser_where_one_can_be_unpacked(checkout: Path, tools: Path) -> None:
    program(tools / "apt-get")
    body = 'mkdir -p $1/usr/lib/chromium; cp "$0" $1/usr/lib/chromium/$2'
    program(checkout / "scripts/unpack", f'[ "$1" = --version ] || {{ {body}; }}')
    done = call(checkout / "scripts/setup", "test", path=tools)
    assert done.returncode == 0, done.stderr
    assert call(checkout / ".venv/bin/chromium", "--version", path=tools).returncode == 0


def test_without_a_browser_everything_else_is_set_up_and_the_lack_is_told_once(checkout: Path, tools: Path) -> None:
    program(tools / "apt-get")
    program(checkout / "scripts/unpack", "exit 3")
    first, again = (call(checkout / "scripts/setup", "test", path=tools) for _ in range(2))
    assert (first.returncode, again.returncode, again.stderr) == (0, 0, "")
    assert "There is no chromium" in first.stderr


def test_a_browser_is_only_for_the_tests(checkout: Path, tools: Path) -> None:
    program(tools / "apt-get")
    program(checkout / "scripts/unpack", "exit 3")
    assert "chromium" not in call(checkout / "scripts/setup", "runtime", path=tools).stderr


def test_every_script_can_be_started() -> None:
    for script in [
        *(path for path in SCRIPTS.iterdir() if path.is_file() and not path.suffix),
        SCRIPTS.parent / ".ci/run",
    ]:
        assert script.stat().st_mode & stat.S_IXUSR, script
        assert script.read_text().startswith("#!/bin/sh\n"), script


def of_git(*words: str | Path, cwd: Path) -> None:
    """Runs git, with nobody's settings."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(cwd)}
    who = ("-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *who, *words], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_script_has_the_line_ends_of_another_system() -> None:
    files = [path for path in SCRIPTS.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert len(files) > 10
    assert [path for path in files if b"\r" in path.read_bytes()] == []


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_a_clone_has_the_line_ends_that_were_committed_even_where_git_would_change_them(tmp_path: Path) -> None:
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    shutil.copytree(SCRIPTS, origin / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(SCRIPTS.parent / ".gitattributes", origin)
    (origin / "sample.txt").write_bytes(b"as it came\r\nfrom elsewhere\r\n")
    committed = {path.relative_to(origin): path.read_bytes() for path in origin.rglob("*") if path.is_file()}
    of_git("init", "--quiet", cwd=origin)
    of_git("add", "--all", cwd=origin)
    of_git("commit", "--quiet", "--message", "all", cwd=origin)
    of_git("-c", "core.autocrlf=true", "clone", "--quiet", origin, clone, cwd=tmp_path)
    assert {name: (clone / name).read_bytes() for name in committed} == committed


SET_UP_THEMSELVES = (
    "bench", "by-hand", "fleet-study", "gate_false_alarms", "pictures", "precision", "publish", "seed", "setup", "test"
)  # fmt: skip


@pytest.mark.parametrize("option", ["--help", "-h"])
@pytest.mark.parametrize("name", SET_UP_THEMSELVES)
def test_a_script_that_is_asked_for_its_usage_installs_nothing(
    checkout: Path, tools: Path, name: str, option: str
) -> None:
    done = call(checkout / "scripts" / name, option, path=tools)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"scripts/{name}" in done.stdout
    assert not (tools / "log").exists()
    assert not (checkout / ".venv").exists()


def test_every_script_that_sets_up_is_asked_for_its_usage() -> None:
    scripts = [path for path in SCRIPTS.iterdir() if path.is_file() and path.name != "run-module" and not path.suffix]
    calls = {
        path.name for path in scripts if re.search(r"^(exec )?scripts/(setup|run-module) ", path.read_text(), re.M)
    }
    assert calls | {"setup"} == set(SET_UP_THEMSELVES)


@pytest.mark.parametrize("words", [[], ["--pairs"]])
def test_the_gates_are_not_measured_without_a_directory(checkout: Path, tools: Path, words: list[str]) -> None:
    done = call(checkout / "scripts/gate_false_alarms", *words, path=tools)
    assert (done.returncode, done.stdout) == (2, "")
    assert "scripts/gate_false_alarms DIR" in done.stderr


def test_where_barehop_is_there_bench_shows_the_options_of_a_run(ready: Path, tools: Path) -> None:
    done = call(ready / "scripts/bench", "--help", path=tools)
    assert done.stdout.splitlines()[-1] == "run --help"
