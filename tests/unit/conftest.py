"""Unit tests are pure: none of them starts a process or opens a socket."""

import os
import socket
import subprocess
from typing import NoReturn

import pytest

FORBIDDEN = (
    (subprocess.Popen, "__init__"),
    (socket.socket, "__init__"),
    *((os, name) for name in ("fork", "forkpty", "posix_spawn", "posix_spawnp", "system")),
)


@pytest.fixture(autouse=True)
def pure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever tries fails, whatever exceptions it catches."""
    for owner, name in FORBIDDEN:
        monkeypatch.setattr(owner, name, _refuse)


def _refuse(*arguments: object, **_options: object) -> NoReturn:
    pytest.fail(f"a unit test starts no process and opens no socket: {arguments}")
