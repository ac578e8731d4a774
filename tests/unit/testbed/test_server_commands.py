"""The command lines of uvicorn and of an arm's own command to the letter, one argument a line."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import MachineError
from harness.model import Settings
from harness.testbed.servers.application import OwnCommand, app_server_checks, app_server_of
from harness.testbed.servers.uvicorn import Uvicorn

DATA = Path(__file__).parents[2] / "data/lab"
CHECKOUT = Path(__file__).parents[3]
TCP, TCP6, UNIX = "127.0.0.1:12000", "[::1]:12000", "unix:/dev/shm/barehop-89abcdef/hop.sock"
GRANIAN = "granian --interface asgi --uds {socket} --workers {workers} --working-dir {app_dir} {app}"
ANYTHING = "./server -listen {bind} -host {host} -port {port} -json '{{\"a\": 1}}' {python}"


@pytest.mark.parametrize(
    ("name", "bind", "settings"),
    [
        ("uvicorn-tcp", TCP, {}),
        ("uvicorn-tcp6", TCP6, {"app_dir": "/srv/app", "python": "python3", "app": "shop"}),
        ("uvicorn-unix", UNIX, {"app_dir": "/srv/app", "workers": 4, "app": "shop:create_app()"}),
        ("uvicorn-forwarded", UNIX, {"headers": {"X-Forwarded-Proto": "https"}}),
    ],
)
def test_uvicorn_command(name: str, bind: str, settings: dict[str, Any], golden: Callable[[Path, str], None]) -> None:
    argv = Uvicorn("/usr/bin/python3", (Settings(server="uvicorn", **settings),)).argv([bind])
    golden(DATA / f"{name}.txt", "\n".join(argv).replace(str(CHECKOUT), "CHECKOUT") + "\n")


@pytest.mark.parametrize(
    ("name", "bind", "text"),
    [("command-unix", UNIX, GRANIAN), ("command-tcp", TCP, ANYTHING), ("command-tcp6", TCP6, ANYTHING)],
)
def test_own_command(name: str, bind: str, text: str, golden: Callable[[Path, str], None]) -> None:
    settings = Settings(command=text, app_dir="/srv/app", app="shop:app", workers=4)
    server = OwnCommand(settings, "/usr/bin/python3", "/usr/local/bin/program")
    golden(DATA / f"{name}.txt", "\n".join(server.argv([bind])) + "\n")
    assert (server.title, server.directory) == ("program", Path("/srv/app"))


def refusals(settings: Settings) -> list[str]:
    messages = []
    for check in app_server_checks(settings):
        try:
            check()
        except MachineError as error:
            messages.append(str(error))
    return list(dict.fromkeys(messages))


def test_a_program_that_is_not_there_is_told_before_anything_starts(tmp_path: Path) -> None:
    assert refusals(Settings(command="no-such-program {port}")) == [
        "There is no program 'no-such-program' that can be run, which the command 'no-such-program {port}' needs. "
        "Install it, or give its path: a relative one begins in app_dir."
    ]
    (tmp_path / "server").touch()
    told = refusals(Settings(command="./server {port}", app_dir=str(tmp_path)))
    assert [text.partition(",")[0] for text in told] == ["There is no program './server' that can be run"]
    (tmp_path / "server").chmod(0o755)
    assert refusals(Settings(command="./server {port}", app_dir=str(tmp_path))) == []


def test_a_python_is_needed_only_by_a_command_that_names_it() -> None:
    assert refusals(Settings(command="sh {port}", python="absent-python")) == []
    told = refusals(Settings(command="{python} {port}", python="absent-python"))
    assert told == ["There is no program 'absent-python'. Correct the setting python, or leave it out."]


def test_the_program_of_a_command_is_found_in_the_directory_of_the_application(tmp_path: Path) -> None:
    program = tmp_path / "server"
    program.touch(mode=0o755)
    server = app_server_of([Settings(command="./server {bind}", app_dir=str(tmp_path))], tmp_path)
    assert server.argv([TCP]) == (str(program), TCP)
    own = app_server_of([Settings(command="{python} x.py {bind}")], tmp_path)
    assert own.argv([UNIX]) == (sys.executable, "x.py", UNIX)
