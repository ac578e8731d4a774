"""gunicorn's command line to the letter, one argument a line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import MachineError
from harness.model import Settings
from harness.testbed.servers.gunicorn import Gunicorn, app_directory, require_app_directory, server_environment

DATA = Path(__file__).parents[2] / "data/lab"
CHECKOUT = Path(__file__).parents[3]
BINDS = ["127.0.0.1:12000", "unix:/dev/shm/barehop-89abcdef/hop.sock"]


@pytest.mark.parametrize(
    ("name", "version", "settings"),
    [
        ("gunicorn-23", (23, 0, 0), {}),
        ("gunicorn-25.1", (25, 1, 0), {}),
        ("gunicorn-sync", (25, 1, 0), {"worker_class": "sync", "app": "app.wsgi:app", "workers": 4}),
        ("gunicorn-uwsgi", (27, 0, 1), {"worker_class": "asgi", "protocol": "uwsgi"}),
        ("gunicorn-h2c", (27, 0, 1), {"worker_class": "asgi", "protocol": "h2c", "upstream_keepalive": 4}),
        ("gunicorn-hop-tls", (27, 0, 1), {"hop_tls": "resumed"}),
        ("gunicorn-gthread", (25, 1, 0), {"worker_class": "gthread", "app": "shop:create_app()", "threads": 8}),
    ],
)
def test_gunicorn_command(
    name: str, version: tuple[int, ...], settings: dict[str, Any], golden: Callable[[Path, str], None]
) -> None:
    asked = Settings(app_dir="/srv/app", **settings)
    golden(DATA / f"{name}.txt", "\n".join(command(asked, version=version)).replace(str(CHECKOUT), "CHECKOUT") + "\n")


def command(*arms: Settings, version: tuple[int, ...] = (25, 1, 0)) -> tuple[str, ...]:
    scratch, certificate = Path("/var/tmp/barehop-01234567"), Path("/results/server.pem")
    return Gunicorn("/usr/bin/python3", version, arms, scratch, certificate).argv(BINDS)


@pytest.mark.parametrize(
    ("arms", "timeout_s"),
    [
        ([Settings()], 60),
        ([Settings(start_timeout_s=45.5), Settings()], 76),
        ([Settings(), Settings(timeout_s=120)], 150),
    ],
)
def test_a_worker_may_take_longer_than_whoever_waits_for_it(arms: list[Settings], timeout_s: int) -> None:
    assert f"--timeout={timeout_s}" in command(*arms)


def test_a_long_header_of_any_arm_is_taken() -> None:
    long = Settings(headers={"Authorization": "x" * 9000})
    assert "--limit-request-field_size=65536" in command(Settings(), long)
    assert "--limit-request-field_size=65536" not in command(Settings())


def test_nothing_is_hidden_from_an_application_in_a_python_of_its_own() -> None:
    assert not [word for word in command(Settings(app_dir="/srv", python="python3")) if word.startswith("--config")]
    assert not [word for word in command(Settings()) if word.startswith("--config")]


def test_the_application_is_imported_from_beside_the_harness_unless_told_otherwise() -> None:
    assert app_directory(Settings()) == CHECKOUT
    assert app_directory(Settings(app_dir="/srv/app")) == Path("/srv/app")


def test_the_surroundings_go_along_but_for_what_would_change_gunicorn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--workers=9")
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    monkeypatch.setenv("KEPT", "as it is")
    environment = server_environment()
    assert environment["KEPT"] == "as it is"
    assert not {"GUNICORN_CMD_ARGS", "PYTHONHASHSEED"} & environment.keys()


@pytest.mark.parametrize("name", ["X-Forwarded-Proto", "x-forwarded-for", "Forwarded"])
def test_what_a_request_says_of_proxies_is_believed_over_every_transport(name: str) -> None:
    assert "--forwarded-allow-ips=*" in command(Settings(), Settings(headers={name: "https"}))
    assert "--forwarded-allow-ips=*" not in command(Settings(headers={"X-Other": "1"}))


def test_a_directory_that_is_none_is_told_before_anything_starts(tmp_path: Path) -> None:
    file = tmp_path / "web.py"
    file.touch()
    require_app_directory(Settings(app_dir=str(tmp_path)))
    with pytest.raises(MachineError, match=f'is a file. Set app_dir to its directory, {tmp_path}, .* like "web:app"'):
        require_app_directory(Settings(app_dir=str(file)))
    with pytest.raises(MachineError, match=f"There is no directory {tmp_path}/absent. Set app_dir"):
        require_app_directory(Settings(app_dir=str(tmp_path / "absent")))
