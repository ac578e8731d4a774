"""uvicorn alone and commands of an arm's own, in stacks like gunicorn's."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from harness.errors import StackError
from harness.observe.cpu_time import FamilyClock
from harness.observe.proof import prove
from tests.support.misbehaving_services import eventually
from tests.support.stacks import TEN_LINE_SERVER, TRANSPORTS, answer, arm, blueprint_for, stack_of

TEN_LINES = f"{{python}} {TEN_LINE_SERVER} {{host}} {{port}}"
WRAPPED = "sh -c '\"$@\"; exit' sh " + TEN_LINES  # the shell is the first process, and its child listens
ASGI = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": __file__.encode()})
def make(): return app
def wsgi(environ, start_response): ...
"""


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_uvicorn_alone_serves_over_every_transport(tmp_path: Path, transport: str) -> None:
    with stack_of(blueprint_for(tmp_path, arm(transport, transport=transport, server="uvicorn"))) as stack:
        assert stack.pids["app"] == (stack.app.main_pid(),)
        assert prove([stack])[transport]["pids"]["app"] == stack.pids["app"]
        stack.check_workers()


def test_all_processes_of_uvicorn_are_known_and_one_that_is_replaced_is_noticed(tmp_path: Path) -> None:
    with stack_of(blueprint_for(tmp_path, arm(server="uvicorn", workers=2))) as stack:
        parent, *workers = stack.pids["app"]
        assert (parent, len(workers)) == (stack.app.main_pid(), 2)
        prove([stack])
        os.kill(workers[0], signal.SIGKILL)
        with pytest.raises(StackError, match=r"^uvicorn: the workers .* of this session's start are now "):
            eventually(stack.check_workers)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", ["app", "make()"])
def test_a_package_named_like_ours_is_the_users_under_uvicorn_too(tmp_path: Path, name: str, workers: int) -> None:
    (tmp_path / "mine/app").mkdir(parents=True)
    (tmp_path / "mine/app/main.py").write_text(ASGI)
    asked = arm(server="uvicorn", app=f"app.main:{name}", app_dir=str(tmp_path / "mine"), workers=workers)
    with stack_of(blueprint_for(tmp_path, asked)) as stack:
        assert stack.replies["tcp"].body == str(tmp_path / "mine/app/main.py").encode()


@pytest.mark.parametrize(
    ("app", "sentence"),
    [
        ("app.main:app", "There is no module 'app' in "),
        ("market:app", "There is no module 'market' in "),
        ("shop:absent", 'app = "shop:absent": the module shop in '),
        ("shop:wsgi", 'shop:wsgi is a WSGI application, and uvicorn serves ASGI. Set server to "gunicorn" and '),
        ("broken:app", "The application broken:app cannot be imported: ZeroDivisionError: division by zero ("),
    ],
)
def test_an_application_that_uvicorn_cannot_serve_is_told_by_its_error(tmp_path: Path, app: str, sentence: str) -> None:
    (tmp_path / "shop.py").write_text(ASGI)
    (tmp_path / "broken.py").write_text("1 / 0\n")
    blueprint = blueprint_for(tmp_path, arm(server="uvicorn", app=app, app_dir=str(tmp_path)))
    with pytest.raises(StackError) as raised, stack_of(blueprint):
        pytest.fail("it was entered")
    assert str(raised.value).startswith(sentence)


@pytest.mark.parametrize("command", [TEN_LINES, WRAPPED], ids=["alone", "wrapped"])
def test_the_whole_tree_of_a_command_is_its_family(tmp_path: Path, command: str) -> None:
    with stack_of(blueprint_for(tmp_path, arm(command=command))) as stack:
        first, (listening,) = stack.app.main_pid(), stack.pids["app"]
        family = stack.process_families["app"]
        assert {listening, *family.other_pids()} == {first, *stack.app.worker_pids()}
        clock = FamilyClock(family)
        before_ns = clock.read_ns()
        for _ in range(20):
            answer(stack.blueprint.targets["tcp"])
        assert clock.read_ns() > before_ns
        clock.close()
        prove([stack])
        os.kill(listening, signal.SIGKILL)
        with pytest.raises(StackError, match=r"^(python|sh)( ended with exit code |: the workers )"):
            eventually(stack.check_workers)


@pytest.mark.parametrize(
    "settings",
    [{"sandbox": ("namespaces",)}, {"network": "veth"}],
    ids=["sandbox", "network"],
)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may do this everywhere")
@pytest.mark.needs_root
def test_a_command_is_confined_like_gunicorn(tmp_path: Path, settings: dict[str, Any]) -> None:
    with stack_of(blueprint_for(tmp_path, arm(command=TEN_LINES, **settings))) as stack:
        proof = prove([stack])["tcp"]
    assert proof["sandbox" if "sandbox" in settings else "rung"]
