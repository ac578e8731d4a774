"""gunicorn's command line to the letter, one argument a line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.lab.gunicorn import app_directory, gunicorn_argv, server_environment
from harness.model import Settings

DATA = Path(__file__).parents[2] / "data/lab"
CHECKOUT = Path(__file__).parents[3]
BINDS = ["127.0.0.1:12000", "unix:/dev/shm/barehop-89abcdef/hop.sock"]


@pytest.mark.parametrize(
    ("name", "version", "settings"),
    [
        ("gunicorn-23", (23, 0, 0), {}),
        ("gunicorn-25.1", (25, 1, 0), {}),
        ("gunicorn-sync", (25, 1, 0), {"worker_class": "sync", "app": "app.wsgi:app", "workers": 4}),
    ],
)
def test_gunicorn_command(
    name: str, version: tuple[int, ...], settings: dict[str, Any], golden: Callable[[Path, str], None]
) -> None:
    asked = Settings(app_dir="/srv/app", **settings)
    argv = gunicorn_argv("/usr/bin/python3", version, asked, BINDS, Path("/var/tmp/barehop-01234567"))
    golden(DATA / f"{name}.txt", "\n".join(argv) + "\n")


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
