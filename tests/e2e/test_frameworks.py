"""The frameworks that most applications are written in, as GUIDE shows them."""

import json
import sys
from pathlib import Path

import pytest

from harness.model import Summary
from tests.support.command import barehop, fixed, sets

FASTAPI = """
from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware
app = FastAPI()
app.add_middleware(TrustedHostMiddleware, allowed_hosts=["shop.example"])
@app.post("/")
def add(order: dict[str, int]) -> dict[str, int]:
    return {"sum": sum(order.values())}
"""
FLASK = """
from flask import Flask
def create_app():
    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: {"hello": "world"})
    return app
app = create_app()
"""
DJANGO = """
from django.conf import settings
settings.configure(ALLOWED_HOSTS=["localhost"], SECRET_KEY="x", ROOT_URLCONF=__name__,
                   MIDDLEWARE=["django.middleware.common.CommonMiddleware"])
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path
urlpatterns = [path("", lambda request: JsonResponse({"host": request.get_host()}))]
asgi, wsgi = get_asgi_application(), get_wsgi_application()
"""
POST = {"method": "POST", "body": '{"a": 1, "b": 2}'}
TWO_ARMS = '[arms.tcp]\n[arms.uds-tmpfs]\ntransport = "uds-tmpfs"\n'


MEASURED: dict[str, tuple[str, dict[str, object]]] = {
    "fastapi": (FASTAPI, {"app": "main:app", "host": "shop.example", **POST}),
    "fastapi-asgi": (FASTAPI, {"app": "main:app", "host": "shop.example:8000", "worker_class": "asgi", **POST}),
    "flask": (FLASK, {"app": "main:app", "worker_class": "sync"}),
    "flask-factory": (FLASK, {"app": "main:create_app()", "worker_class": "gthread", "threads": 4}),
    "django": (DJANGO, {"app": "main:wsgi", "worker_class": "sync"}),
    "django-asgi": (DJANGO, {"app": "main:asgi"}),
}


def place(directory: Path, text: str) -> dict[str, object]:
    """Where the application is whose module `main` has that text."""
    directory.mkdir()
    (directory / "main.py").write_text(text)
    return {"app_dir": str(directory), "python": sys.executable}


def arm_table(name: str, settings: dict[str, object]) -> str:
    return "\n".join([f"[arms.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in settings.items())])


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    """A run with an arm for each application."""
    here = tmp_path_factory.mktemp("frameworks")
    arms = {name: place(here / name, text) | settings for name, (text, settings) in MEASURED.items()}
    (here / "site.toml").write_text("\n".join(arm_table(*arm) for arm in arms.items()))
    ended = barehop(here, "run", "site.toml", *fixed(2, 2), "--out", "out")
    assert ended.code == 0, ended.err
    return Summary.model_validate_json((here / "out/summary.json").read_bytes())


def run(directory: Path, text: str, **settings: object) -> tuple[int, str]:
    (directory / "site.toml").write_text(TWO_ARMS)
    ended = barehop(directory, "run", "site.toml", *fixed(2, 2), *sets(**place(directory / "shop", text), **settings))
    return ended.code, ended.err


@pytest.mark.parametrize("name", MEASURED)
def test_an_application_of_a_framework_is_measured(summary: Summary, name: str) -> None:
    arm = summary.arms[name]
    assert (arm.requests > 0, arm.failed) == (True, 0)


@pytest.mark.parametrize(
    ("text", "settings", "sentence"),
    [
        (FLASK, {"app": "main:app"}, 'main:app is a WSGI application, and worker_class = "uvicorn" serves ASGI.'),
        (FASTAPI, {"app": "main:app", "worker_class": "sync"}, "main:app is an ASGI application, and worker_class"),
        (DJANGO, {"app": "main:wsgi"}, 'Set worker_class to "sync" or "gthread".'),
        (
            DJANGO,
            {"app": "main:asgi", "host": "shop.example"},
            "set host to one of them; the request's was shop.example.",
        ),
        (FASTAPI, {"app": "main:app", "host": "shop.example"}, "status 405 instead of 2xx"),
        (FASTAPI, {"app": "main:app", **POST}, "It says: 'Invalid host header'."),
    ],
    ids=["flask", "fastapi", "django", "django-host", "fastapi-method", "fastapi-host"],
)
def test_what_keeps_an_application_from_being_measured_is_told_with_the_setting(
    tmp_path: Path, text: str, settings: dict[str, object], sentence: str
) -> None:
    code, said = run(tmp_path, text, **settings)
    assert code == 4
    assert " ".join(sentence.split()) in " ".join(said.split())


@pytest.mark.parametrize("settings", [{}, {"app": "app.wsgi:app", "worker_class": "sync"}], ids=["asgi", "wsgi"])
def test_the_own_application_is_measured_with_a_body(tmp_path: Path, settings: dict[str, object]) -> None:
    ended = barehop(tmp_path, "run", "quick", *fixed(2, 2), *sets(**POST, **settings))
    assert ended.code == 0, ended.err
    assert "app_dir" not in ended.err


def test_an_application_with_the_name_of_our_own_is_pointed_out(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/main.py").write_text("raise RuntimeError")
    ended = barehop(tmp_path, "run", "quick", *fixed(2, 2), *sets(app="app.main:app"))
    assert ended.code == 0, ended.err
    assert "The application app.main:app is barehop's own. The current directory contains one of" in ended.err
