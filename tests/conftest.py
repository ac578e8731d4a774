"""What tests share: golden files, which `--update-golden` writes anew; and the purity of unit tests."""

import os
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

UNIT = Path(__file__).parent / "unit"
FORBIDDEN = (
    (subprocess.Popen, "__init__"),
    (socket.socket, "__init__"),
    (socket, "socketpair"),
    *((os, name) for name in ("fork", "forkpty", "posix_spawn", "posix_spawnp", "system")),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write what was found as what is expected")


def pytest_configure() -> None:
    """Let SIGTERM end the tests as Ctrl-C does, so that each ends the processes that it has started."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Asserts that a file holds a text; with `--update-golden` makes it so."""

    def check(path: Path, text: str) -> None:
        if request.config.getoption("--update-golden"):
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return check


@pytest.fixture(autouse=True)
def pure(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit test starts no process and opens no socket: who tries fails, even where exceptions are caught."""
    if UNIT in request.path.parents:
        for owner, name in FORBIDDEN:
            monkeypatch.setattr(owner, name, _refuse)


def _refuse(*_arguments: object, **_options: object) -> NoReturn:
    pytest.fail("A unit test starts no process and opens no socket. What needs one belongs into tests/effects.")
