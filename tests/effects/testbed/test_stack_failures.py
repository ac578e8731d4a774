"""What can go wrong with a stack is found, said in a sentence, and leaves nobody."""

import os
import re
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError, MachineError, StackError
from harness.observe.proof import prove
from harness.testbed.blueprint import Blueprint, stack_problems
from harness.testbed.processes.process import own_pids
from tests.support.misbehaving_services import eventually
from tests.support.stacks import arm, blueprint_for, impostor, machine_of, odd_arm, stack_of


def failure(blueprint: Blueprint, kind: type[HarnessError] = StackError) -> str:
    """The sentence with which a stack does not come up."""
    with pytest.raises(kind) as found, stack_of(blueprint):
        pytest.fail("it was entered")
    return str(found.value)


@pytest.fixture(autouse=True)
def nobody_is_left() -> Iterator[None]:
    before = own_pids()
    yield
    assert own_pids() <= before


@pytest.mark.parametrize("workers", [1, 4])
def test_an_application_that_does_not_import_is_told_by_its_error(tmp_path: Path, workers: int) -> None:
    (tmp_path / "broken.py").write_text("import nothing_of_this_name\n")
    blueprint = blueprint_for(tmp_path, arm(app="broken:app", app_dir=str(tmp_path), workers=workers))
    sentence = failure(blueprint)
    assert re.search(r"(?m)^gunicorn ended with exit code [13]\. Its log, .*/gunicorn\.log, ends:\n", sentence)
    assert "ModuleNotFoundError: No module named 'nothing_of_this_name'" in sentence
    assert not re.search(r'Traceback|File "', sentence)
    assert not any(directory.exists() for directory in blueprint.private_directories)


@pytest.mark.parametrize("status", [301, 404, 500])
def test_an_application_that_answers_anything_but_2xx_is_refused(tmp_path: Path, status: int) -> None:
    sentence = failure(blueprint_for(tmp_path, odd_arm(f"/status/{status}")))
    assert sentence.startswith(f"Arm 'tcp' answers /status/{status} with status {status} instead of 2xx. Correct")


def test_a_right_answer_from_whoever_had_the_hops_port_first_does_not_pass(tmp_path: Path) -> None:
    blueprint = blueprint_for(tmp_path)
    with impostor(blueprint.hops["tcp"].address):
        sentence = failure(blueprint)
    assert sentence.startswith("gunicorn ended with exit code 1.")
    assert "Connection in use" in sentence


def test_a_forged_answer_from_whoever_had_nginxs_port_first_does_not_pass(tmp_path: Path) -> None:
    blueprint = blueprint_for(tmp_path)
    target = blueprint.targets["tcp"]
    with impostor(f"{target.host}:{target.port}", {"X-Barehop-Upstream": str(blueprint.expected_server("tcp"))}):
        sentence = failure(blueprint)
    assert sentence.startswith("nginx ended with exit code 1.")
    assert f"bind() to 127.0.0.1:{target.port} failed" in sentence


def test_an_honest_stranger_on_nginxs_port_is_named_as_such(tmp_path: Path) -> None:
    blueprint = blueprint_for(tmp_path)
    target = blueprint.targets["tcp"]
    with impostor(f"{target.host}:{target.port}"):
        sentence = failure(blueprint)
    assert sentence == (
        f"Arm 'tcp' was served by no upstream instead of {blueprint.expected_server('tcp')}. "
        "Another server may use the same address."
    )


def test_an_nginx_that_ends_at_once_takes_gunicorn_with_it(tmp_path: Path) -> None:
    fake = tmp_path / "nginx"
    fake.write_text(
        '#!/bin/sh\n[ "$1" = -V ] && echo "nginx version: nginx/1.28.0" && exit\necho no mood >&2; exit 9\n'
    )
    fake.chmod(0o755)
    blueprint = blueprint_for(tmp_path, arm(nginx=str(fake)))
    assert failure(blueprint).startswith("nginx ended with exit code 9.")
    assert not any(directory.exists() for directory in blueprint.private_directories)


def test_a_directory_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    blueprint = replace(blueprint_for(tmp_path), directory=tmp_path / "file/stack")
    assert failure(blueprint, MachineError) == (
        f"{tmp_path}/file/stack cannot be written: Not a directory. "
        "Free some space, or choose another place for the results."
    )


@pytest.mark.parametrize("role", ["nginx", "app"])
def test_a_worker_that_was_replaced_is_noticed(tmp_path: Path, role: str) -> None:
    with stack_of(blueprint_for(tmp_path)) as stack:
        stack.check_workers()
        os.kill(stack.pids[role][0], signal.SIGKILL)
        with pytest.raises(StackError, match=rf"the workers {stack.pids[role][0]} of this session's start are now"):
            eventually(stack.check_workers)


def test_a_master_that_was_killed_is_noticed(tmp_path: Path) -> None:
    with stack_of(blueprint_for(tmp_path)) as stack:
        os.kill(stack.app.main_pid(), signal.SIGKILL)
        with pytest.raises(StackError, match=r"^gunicorn(: the workers .* are now none| ended with exit code 137)\."):
            eventually(stack.check_workers)


def test_a_disk_socket_on_tmpfs_is_refused(tmp_path: Path) -> None:
    machine = machine_of(tmp_path)
    wrong = replace(machine, parents={"tmpfs": machine.parents["tmpfs"], "directory": machine.parents["tmpfs"]})
    blueprint = blueprint_for(tmp_path, arm(transport="uds-dir"), machine=wrong)
    with (
        stack_of(blueprint) as stack,
        pytest.raises(MachineError, match="lies on tmpfs, but this transport needs"),
    ):
        prove([stack])


def test_a_tmpfs_socket_on_a_disk_is_refused(tmp_path: Path) -> None:
    machine = machine_of(tmp_path)
    wrong = replace(machine, parents={"tmpfs": machine.parents["directory"], "directory": None})
    blueprint = blueprint_for(tmp_path, arm(transport="uds-tmpfs"), machine=wrong)
    with stack_of(blueprint) as stack, pytest.raises(MachineError, match="but this transport needs 'tmpfs'"):
        prove([stack])


def test_a_socket_path_that_is_too_long_is_found_before_anything_starts(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 80)
    machine = replace(machine_of(tmp_path), parents={"tmpfs": deep, "directory": tmp_path})
    sentence = (
        r"^uds-tmpfs: The socket path .* is \d+ bytes long; the kernel takes 107\. Set TMPDIR to a shorter path\.$"
    )
    with pytest.raises(MachineError, match=sentence):
        blueprint_for(tmp_path, arm(transport="uds-tmpfs"), machine=machine)
    problems = list(stack_problems([arm(), arm("uds", transport="uds-tmpfs")], machine))
    assert len(problems) == 1
    assert re.match(sentence, problems[0])


def test_a_machine_without_the_right_directory_says_what_each_transport_needs(tmp_path: Path) -> None:
    machine = replace(machine_of(tmp_path), parents={"tmpfs": None, "directory": None})
    arms = [arm(), arm("a", transport="uds-tmpfs"), arm("b", transport="uds-dir")]
    scratch, tmpfs, directory = stack_problems(arms, machine)
    assert scratch == "There is no directory to put scratch files in. Set TMPDIR to one that you may write to."
    assert tmpfs.startswith("uds-tmpfs needs a writable directory with free space on tmpfs")
    assert directory.startswith("uds-dir needs a writable directory with free space that is not on tmpfs")


FLASKISH = "class App:\n    def __call__(self, environ, start_response): ...\napp = App()\n"
PLAIN_WSGI = "def app(env, sr): ...\n"
PLAIN_ASGI = "async def app(scope, receive, send): ...\n"
ASGI_OBJECT = "class App:\n    async def __call__(self, scope, receive, send): ...\napp = App()\n"


@pytest.mark.parametrize("text", [FLASKISH, PLAIN_WSGI])
@pytest.mark.parametrize("worker_class", ["uvicorn", "asgi"])
def test_a_wsgi_application_under_a_worker_for_asgi(tmp_path: Path, text: str, worker_class: Any) -> None:
    (tmp_path / "shop.py").write_text(text)
    asked = arm(app="shop:app", app_dir=str(tmp_path), worker_class=worker_class)
    assert failure(blueprint_for(tmp_path, asked)).startswith(
        f'shop:app is a WSGI application, and worker_class = "{worker_class}" serves ASGI. '
        'Set worker_class to "sync" or "gthread".\nArm '
    )


@pytest.mark.parametrize("text", [ASGI_OBJECT, PLAIN_ASGI])
@pytest.mark.parametrize("worker_class", ["sync", "gthread"])
def test_an_asgi_application_under_a_worker_for_wsgi(tmp_path: Path, text: str, worker_class: Any) -> None:
    (tmp_path / "shop.py").write_text(text)
    asked = arm(app="shop:app", app_dir=str(tmp_path), worker_class=worker_class)
    sentence = f'shop:app is an ASGI application, and worker_class = "{worker_class}" serves WSGI. '
    assert failure(blueprint_for(tmp_path, asked)).startswith(f'{sentence}Set worker_class to "uvicorn".\nArm ')


@pytest.mark.parametrize(
    ("app", "sentence"),
    [
        ("shop:absent", "app = \"shop:absent\": the module shop in .* has no 'absent'."),
        ("shop:absent()", "app = \"shop:absent()\": the module shop in .* has no 'absent()'."),
        ("shop:number", 'app = "shop:number" is no application: it cannot be called.'),
        ("shop:make", 'shop:make is a function that makes an application. Set app to "shop:make()".'),
        ("market:app", "There is no module 'market' in "),
    ],
)
def test_an_application_that_is_not_there_is_told_by_its_name(tmp_path: Path, app: str, sentence: str) -> None:
    (tmp_path / "shop.py").write_text(f"number = 7\n{PLAIN_WSGI}def make(): return app\n")
    said = failure(blueprint_for(tmp_path, arm(app=app, app_dir=str(tmp_path), worker_class="sync")))
    assert re.match(re.escape(sentence).replace(r"\.\*", ".*"), said)


def test_headers_that_do_not_fit_nginxs_buffer_are_told_at_once_with_the_setting(tmp_path: Path) -> None:
    (tmp_path / "cookies.py").write_text(
        "def app(environ, start_response):\n"
        "    cookies = [('Set-Cookie', f's{n}=' + 'y' * 1000) for n in range(30)]\n"
        "    start_response('200 OK', [('Content-Length', '2'), *cookies])\n"
        "    return [b'ok']\n"
    )
    asked: dict[str, Any] = {"app": "cookies:app", "app_dir": str(tmp_path), "worker_class": "sync"}
    assert failure(blueprint_for(tmp_path, arm(**asked, start_timeout_s=3600))) == (
        "Arm 'tcp': nginx answers / with status 502. The headers of its answer do not fit nginx's buffer, "
        "proxy_buffer_kb = 4. Set proxy_buffer_kb to more, up to 1024, or let the application send less."
    )
    with stack_of(blueprint_for(tmp_path, arm(**asked, proxy_buffer_kb=64))) as stack:
        assert stack.replies["tcp"].body == b"ok"


def test_workers_that_end_before_they_answer_are_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "dies.py").write_text(
        "import os, signal\ndef app(environ, start_response):\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    asked = arm(app="dies:app", app_dir=str(tmp_path), worker_class="sync", start_timeout_s=3600)
    assert failure(blueprint_for(tmp_path, asked)).startswith("gunicorn's workers end before they answer: ")


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (400, "If it serves certain hosts only, set host to one of them; the request's was shop.example."),
        (405, "If it answers to another method than GET, set method."),
        (401, "If it needs a header, like Authorization, set headers."),
    ],
)
def test_a_refusal_comes_with_the_setting_that_may_help(tmp_path: Path, status: int, hint: str) -> None:
    assert hint in failure(blueprint_for(tmp_path, odd_arm(f"/status/{status}", host="shop.example")))
