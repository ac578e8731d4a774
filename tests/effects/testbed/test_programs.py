"""A program that is missing, too old or something else is named in a sentence that says what to do."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.errors import MachineError
from harness.model import Settings
from harness.session.preflight import without_unavailable_arms
from harness.testbed.servers.programs import find_nginx, find_program, find_python, gunicorn_version, require_protocol
from tests.support.experiment_files import names, read
from tests.support.misbehaving_services import python_environment


def program(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def sentence(name: str) -> str:
    with pytest.raises(MachineError) as found:
        find_nginx(name)
    return str(found.value)


def test_an_nginx_that_is_missing_comes_with_the_way_to_get_it() -> None:
    said = sentence("absent-nginx")
    assert said.startswith("There is no program 'absent-nginx'. Install nginx (apt-get install nginx-light, ")
    assert "scripts/setup" in said


@pytest.mark.parametrize(
    ("says", "version"),
    [
        ("nginx version: nginx/1.18.0", (1, 18, 0)),
        ("nginx version: nginx/1.29.7 (Ubuntu)", (1, 29, 7)),
        ("nginx version: openresty/1.25.3.2", (1, 25, 3)),
        ("Tengine version: Tengine/3.1.0\nnginx version: nginx/1.24.0", (1, 24, 0)),
    ],
)
def test_the_version_is_nginxs_own_wherever_it_is_said(tmp_path: Path, says: str, version: tuple[int, ...]) -> None:
    for number, stream in enumerate((1, 2)):
        assert find_nginx(program(tmp_path / f"nginx{number}", f"echo '{says}' >&{stream}")).version == version


def test_an_nginx_before_1_18_is_too_old(tmp_path: Path) -> None:
    path = program(tmp_path / "old", "echo nginx version: nginx/1.17.10")
    assert sentence(path) == f"{path} is nginx 1.17.10; 1.18.0 or later is needed."


@pytest.mark.parametrize(
    "says",
    [
        "curl 7.88.1 (x86_64-pc-linux-gnu) libcurl/7.88.1 OpenSSL/3.0.19",
        "Server version: Apache/2.4.57 (Debian)",
        "",
        "nginx version: nginx/soon",
    ],
)
def test_what_is_no_nginx_is_not_taken_for_one(tmp_path: Path, says: str) -> None:
    path = program(tmp_path / "other", f"echo '{says}'")
    assert sentence(path) == f"{path} -V shows no version of nginx but: {says!r}. Name another nginx."


def test_a_program_that_says_garbage_is_quoted(tmp_path: Path) -> None:
    path = program(tmp_path / "garbage", r"printf '\377\376'")
    assert sentence(path).startswith(f"{path} -V shows no version of nginx but: ")


def test_a_program_that_cannot_be_run_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "no-format"
    path.write_bytes(b"\x7fELF")
    path.chmod(0o755)
    assert sentence(str(path)) == f"{path} -V does not run: Exec format error. Name another program."


def test_a_program_that_asks_back_is_given_no_answer(tmp_path: Path) -> None:
    path = program(tmp_path / "asks", "read answer; echo nginx version: nginx/1.20.1")
    with subprocess.Popen(
        [sys.executable, "-c", f"from harness.testbed.servers.programs import find_nginx; find_nginx({path!r})"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=python_environment(),
    ) as finder:
        assert finder.stderr is not None
        assert finder.stderr.read() == b""


def test_whether_nginx_can_speak_tls_is_read_from_how_it_was_built(tmp_path: Path) -> None:
    said = "nginx version: nginx/1.20.1\nconfigure arguments: "
    assert find_nginx(program(tmp_path / "with", f"echo '{said}--with-http_ssl_module'")).tls
    assert not find_nginx(program(tmp_path / "without", f"echo '{said}'")).tls


def test_a_program_is_found_by_its_absolute_path_from_wherever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "tool", "true")
    monkeypatch.chdir(tmp_path)
    assert find_program("./tool") == str(tmp_path / "tool")
    monkeypatch.setenv("PATH", ".")
    assert find_program("tool") == str(tmp_path / "tool")
    assert find_program("absent") is None


def test_a_python_without_gunicorn_says_how_to_install_it(tmp_path: Path) -> None:
    path = program(tmp_path / "bare-python", f'exec {sys.executable} -I -S "$@"')
    with pytest.raises(MachineError) as found:
        find_python(path, "uvicorn")
    assert str(found.value) == (
        f"{path} has no module gunicorn and no module uvicorn and no module uvicorn_worker, which "
        f"worker_class = 'uvicorn' needs. Install them: {path} -m pip install gunicorn uvicorn uvicorn-worker. "
        "Or, for a WSGI application (Flask, Django's wsgi.py), set worker_class to 'sync' or 'gthread'."
    )


@pytest.mark.parametrize("script", ["true", "exit 1", "echo what is this"])
def test_what_is_no_python_has_no_gunicorn(tmp_path: Path, script: str) -> None:
    with pytest.raises(MachineError, match="has no module gunicorn"):
        find_python(program(tmp_path / "python", script), "sync")


def test_a_python_that_is_missing_is_a_sentence() -> None:
    with pytest.raises(MachineError, match=r"^There is no program 'absent-python'\. Correct the setting python"):
        find_python("absent-python", "sync")


def test_the_directory_of_an_environment_is_told_its_python(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    python = program(tmp_path / "bin/python", "true")
    with pytest.raises(MachineError, match=rf"^There is no program '{tmp_path}'\. Set python to {python}\.$"):
        find_python(str(tmp_path), "sync")


def test_a_gunicorn_that_has_no_asgi_worker_is_too_old_for_it(tmp_path: Path) -> None:
    (tmp_path / "gunicorn.py").write_text("__version__ = '23.0.0'\n")
    path = program(tmp_path / "python", f'PYTHONPATH={tmp_path} exec {sys.executable} "$@"')
    assert find_python(path, "sync") == path
    with pytest.raises(MachineError, match=r"has gunicorn 23\.0\.0, .* pip install --upgrade gunicorn\."):
        find_python(path, "asgi")


@pytest.mark.parametrize(
    ("version", "settings", "sentence"),
    [
        ("23.0.0", {"protocol": "uwsgi", "worker_class": "sync"}, "needs 24.0 or later. Upgrade it: "),
        ("24.1.1", {"protocol": "uwsgi", "worker_class": "asgi"}, "needs 25.0 or later. Upgrade it: "),
        ("25.1.0", {"protocol": "uwsgi", "worker_class": "gthread"}, "needs 25.2 or later. Upgrade it: "),
        ("26.1.0", {"protocol": "h2c", "worker_class": "asgi"}, "needs 26.2 or later. Upgrade it: "),
        ("26.2.0", {"protocol": "h2c", "worker_class": "asgi"}, "has no module h2, which protocol = 'h2c' needs."),
    ],
)
def test_a_gunicorn_that_does_not_speak_the_protocol_is_told(
    tmp_path: Path, version: str, settings: dict[str, Any], sentence: str
) -> None:
    (tmp_path / "gunicorn.py").write_text(f"__version__ = {version!r}\n")
    path = program(tmp_path / "python", f'PYTHONPATH={tmp_path} exec {sys.executable} -S "$@"')
    with pytest.raises(MachineError) as found:
        require_protocol(Settings(python=path, **settings))
    assert sentence in str(found.value)
    require_protocol(Settings(python=path, worker_class="sync"))


@pytest.mark.parametrize("worker_class", ["uvicorn", "asgi", "sync", "gthread"])
def test_our_own_python_has_all_that_workers_need(tmp_path: Path, worker_class: str) -> None:
    other = program(tmp_path / "python", f'exec {sys.executable} "$@"')
    assert find_python("", worker_class) == sys.executable
    assert find_python(other, worker_class) == other
    assert gunicorn_version(other) == gunicorn_version(sys.executable) >= (20, 0)


def test_a_protocol_that_nginx_does_not_speak_is_left_out_with_a_sentence(tmp_path: Path) -> None:
    nginx = program(tmp_path / "nginx", "echo nginx version: nginx/1.22.1")
    arms = '[arms.tcp]\n[arms.kept]\nupstream_keepalive = 4\n[arms.h2c]\nprotocol = "h2c"\n'
    three = read(f'[arm]\nworker_class = "asgi"\nnginx = "{nginx}"\n{arms}')
    rest = without_unavailable_arms(three, {})
    assert names(rest) == ["tcp", "kept", "control"]
    assert rest.left_out["h2c"].startswith(f'{nginx} is nginx 1.22.1, but protocol = "h2c" needs 1.29.4 or later')
