"""The application that is served is the user's, in whatever worker, with the requests that are asked for."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.errors import StackError
from harness.testbed.servers.programs import find_nginx
from tests.support.stacks import APPLICATIONS, answer, arm, blueprint_for, odd_arm, stack_of

WSGI = """
import json, os
def app(environ, start_response):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode()
    asked = {name: value for name, value in environ.items() if isinstance(value, str)}
    answer = json.dumps({"file": __file__, "body": body, **asked}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
    return [answer]
def create_app(name="x"): return app
"""
ASGI = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": __file__.encode()})
"""


def own(directory: Path, file: str, text: str = WSGI) -> Path:
    path = directory / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def served(tmp_path: Path, **settings: Any) -> dict[str, Any]:
    with stack_of(blueprint_for(tmp_path, arm(**settings))) as stack:
        found: dict[str, Any] = json.loads(answer(stack.blueprint.targets["tcp"]).body)
    return found


@pytest.mark.parametrize(
    ("file", "app"),
    [
        ("app/main.py", "app.main:app"),
        ("harness/web.py", "harness.web:app"),
        ("harness.py", "harness:app"),
        ("configs/site.py", "configs.site:app"),
        ("gunicorn_config.py", "gunicorn_config:app"),
        ("scripts/serve.py", "scripts.serve:create_app('y')"),
    ],
)
def test_a_package_named_like_one_of_ours_is_the_users(tmp_path: Path, file: str, app: str) -> None:
    path = own(tmp_path / "mine", file)
    found = served(tmp_path, app=app, app_dir=str(tmp_path / "mine"), worker_class="sync")
    assert found["file"] == str(path)


def test_modules_named_like_those_of_python_do_not_keep_servers_from_starting(tmp_path: Path) -> None:
    path = own(tmp_path / "mine", "main.py", ASGI)
    for name in ("logging", "signal", "gunicorn"):
        own(tmp_path / "mine", f"{name}.py", "raise RuntimeError('not this one')\n")
    with stack_of(blueprint_for(tmp_path, arm(app="main:app", app_dir=str(tmp_path / "mine")))) as stack:
        assert stack.replies["tcp"].body == str(path).encode()


def test_an_application_that_is_not_there_is_not_replaced_by_ours(tmp_path: Path) -> None:
    asked = arm(app="app.main:app", app_dir=str(tmp_path))
    with pytest.raises(StackError, match=r"^There is no module 'app' in "), stack_of(blueprint_for(tmp_path, asked)):
        pytest.fail("ours was served")


@pytest.mark.parametrize("chain", ["full", "app-direct"])
def test_the_application_is_sent_what_the_arm_says(tmp_path: Path, chain: Any) -> None:
    own(tmp_path, "shop.py")
    found = served(
        tmp_path,
        app="shop:app",
        app_dir=str(tmp_path),
        worker_class="gthread",
        threads=4,
        chain=chain,
        method="PUT",
        host="shop.example:8000",
        headers={"Authorization": "Bearer abc", "Content-Type": "text/csv", "X-Long": "y" * 30_000},
        body="ä;b" * 20_000,
    )
    assert (found["REQUEST_METHOD"], found["HTTP_HOST"], found["CONTENT_TYPE"]) == (
        "PUT",
        "shop.example:8000",
        "text/csv",
    )
    assert (found["HTTP_AUTHORIZATION"], found["HTTP_X_LONG"]) == ("Bearer abc", "y" * 30_000)
    assert found["body"] == "ä;b" * 20_000


def test_the_host_is_localhost_unless_it_is_named(tmp_path: Path) -> None:
    own(tmp_path, "shop.py")
    found = served(tmp_path, app="shop:app", app_dir=str(tmp_path), worker_class="sync", upstream_keepalive=0)
    assert found["HTTP_HOST"] == "localhost"


@pytest.mark.parametrize("worker_class", ["uvicorn", "asgi"])
def test_long_headers_and_a_body_reach_an_asgi_application(tmp_path: Path, worker_class: Any) -> None:
    headers = {f"X-{number}": "y" * 9000 for number in range(5)}
    asked = odd_arm("/", worker_class=worker_class, headers=headers, method="POST", body="x" * 1000)
    with stack_of(blueprint_for(tmp_path, asked)) as stack:
        assert stack.replies["tcp"].status == 200


SCHEME = """async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["scheme"].encode()})
"""


@pytest.mark.parametrize("worker_class", ["uvicorn", "asgi"])
@pytest.mark.parametrize("transport", ["tcp", "uds-tmpfs"])
def test_an_application_believes_what_a_request_says_of_its_scheme(
    tmp_path: Path, transport: str, worker_class: Any
) -> None:
    own(tmp_path, "shop.py", SCHEME)
    settings: dict[str, Any] = {"app": "shop:app", "app_dir": str(tmp_path), "worker_class": worker_class}
    asked = arm(transport, transport=transport, headers={"X-Forwarded-Proto": "https"}, **settings)
    with stack_of(blueprint_for(tmp_path, asked)) as stack:
        assert stack.replies[transport].body == b"https"


def test_a_start_that_takes_longer_than_its_time_is_told_with_the_setting(tmp_path: Path) -> None:
    own(tmp_path, "slow.py", "import time\ntime.sleep(600)\n")
    asked = arm(app="slow:app", app_dir=str(tmp_path), worker_class="sync", start_timeout_s=0.5)
    with pytest.raises(StackError) as raised, stack_of(blueprint_for(tmp_path, asked)):
        pytest.fail("it was entered")
    assert "did not answer within 0.5 s, its start_timeout_s" in str(raised.value)
    assert "Set start_timeout_s to more if the application takes longer to start." in str(raised.value)


def test_an_nginx_without_modules_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what it was built without, and knows none of its directives."""
    monkeypatch.setenv("REAL_NGINX", find_nginx("nginx").path)
    stand_in = str(APPLICATIONS.parents[1] / "data/lab/nginx-without-modules")
    arms = arm(nginx=stand_in), arm("itself", nginx=stand_in, chain="proxy-only")
    with stack_of(blueprint_for(tmp_path, *arms)) as stack:
        assert set(stack.replies) == {"tcp", "itself"}
