"""Why an application does not serve is read from gunicorn's log, as its releases write it."""

from pathlib import Path
from typing import Any

import pytest

from harness.model import Settings
from harness.testbed.servers.failures import application_problem, last_exception

PYTHON = "/srv/venv/bin/python"
SITE = "/srv/venv/lib/python3.13/site-packages"
CALLS = {
    "uvicorn": f'  File "{SITE}/uvicorn/middleware/asgi2.py", line 14, in __call__\n    instance = self.app(scope)\n',
    "asgi": f'  File "{SITE}/gunicorn/asgi/protocol.py", line 246, in _handle\n    await self.app(scope)\n',
    "sync": f'  File "{SITE}/gunicorn/workers/sync.py", line 177, in handle_request\n    self.wsgi(environ)\n',
    "gthread": f'  File "{SITE}/gunicorn/workers/gthread.py", line 771, in handle_request\n    self.wsgi(environ)\n',
}
BOOT = f"""[2026-01-05 10:00:00 +0000] [7] [ERROR] Exception in worker process
Traceback (most recent call last):
  File "{SITE}/gunicorn/arbiter.py", line 608, in spawn_worker
    worker.init_process()
    ~~~~~~~~~~~~~~~~~~~^^
  File "/srv/shop/shop.py", line 3, in <module>
    import stripe
"""
BOOTED = """
[2026-01-05 10:00:00 +0000] [7] [INFO] Worker exiting (pid: 7)
[2026-01-05 10:00:00 +0000] [6] [ERROR] Shutting down: Master
[2026-01-05 10:00:00 +0000] [6] [ERROR] Reason: Worker failed to boot.
"""


def called(worker_class: str, raised: str) -> str:
    frames = f'  File "{SITE}/elsewhere.py", line 1, in run\n    run()\n{CALLS[worker_class]}           ^^^^^^^^^\n'
    return f"[2026-01-05] [9] [ERROR] Exception in application\nTraceback (most recent call last):\n{frames}{raised}\n"


def problem(log: str, **settings: Any) -> str:
    return application_problem(
        Settings.model_validate({"app": "shop:app", "app_dir": "/srv/shop", **settings}), PYTHON, log
    )


@pytest.mark.parametrize(
    ("worker_class", "raised"),
    [
        ("uvicorn", "TypeError: Flask.__call__() missing 1 required positional argument: 'start_response'"),
        ("uvicorn", "TypeError: app() missing 1 required positional argument: 'sr'"),
        ("uvicorn", "TypeError: 'list' object is not callable"),
        ("asgi", "TypeError: Flask.__call__() takes 3 positional arguments but 4 were given"),
        ("asgi", "TypeError: object list can't be used in 'await' expression"),
    ],
)
def test_a_wsgi_application_under_a_worker_for_asgi_is_told_the_setting(worker_class: str, raised: str) -> None:
    assert problem(called(worker_class, raised), worker_class=worker_class) == (
        f'shop:app is a WSGI application, and worker_class = "{worker_class}" serves ASGI. '
        'Set worker_class to "sync" or "gthread".'
    )


@pytest.mark.parametrize("worker_class", ["sync", "gthread"])
@pytest.mark.parametrize(
    "raised",
    [
        "TypeError: FastAPI.__call__() missing 1 required positional argument: 'send'",
        "TypeError: 'coroutine' object is not iterable",
    ],
)
def test_an_asgi_application_under_a_worker_for_wsgi_is_told_the_setting(worker_class: str, raised: str) -> None:
    log = called(worker_class, raised)
    sentence = (
        f' is an ASGI application, and worker_class = "{worker_class}" serves WSGI. Set worker_class to "uvicorn"'
    )
    assert problem(log, worker_class=worker_class) == f"shop:app{sentence}."
    ours = problem(log, worker_class=worker_class, app="app.main:app", app_dir="")
    assert ours == f'app.main:app{sentence}, or app to "app.wsgi:app".'


@pytest.mark.parametrize(
    "text", ["takes 0 positional arguments but 2 were given", "takes from 0 to 1 positional arguments"]
)
def test_a_function_that_makes_an_application_is_called(text: str) -> None:
    log = called("sync", f"TypeError: create_app() {text}")
    assert problem(log, worker_class="sync", app="shop:create_app") == (
        'shop:create_app is a function that makes an application. Set app to "shop:create_app()".'
    )


def test_a_type_error_of_the_application_itself_is_not_about_its_kind() -> None:
    inside = '  File "/srv/shop/shop.py", line 9, in hello\n    f()\n'
    log = called("sync", f"{inside}TypeError: f() missing 1 required positional argument: 'x'")
    assert problem(log, worker_class="sync") == ""
    assert problem(called("sync", "TypeError: 'NoneType' object is not iterable"), worker_class="sync") == ""


@pytest.mark.parametrize(("module", "package"), [("stripe", "stripe"), ("yaml", "PyYAML"), ("dotenv", "python-dotenv")])
def test_a_missing_package_is_named_with_the_command_that_installs_it(module: str, package: str) -> None:
    sentence = problem(f"{BOOT}ModuleNotFoundError: No module named '{module}'{BOOTED}")
    assert f"needs the package {module!r}, which {PYTHON} does not have" in sentence
    assert f"{PYTHON} -m pip install {package}. " in sentence


def test_a_missing_package_is_looked_for_in_the_environment_beside_the_application(tmp_path: Path) -> None:
    python = tmp_path / "venv/bin/python"
    python.parent.mkdir(parents=True)
    python.touch()
    log = f"{BOOT}ModuleNotFoundError: No module named 'stripe'{BOOTED}"
    assert f'does not have. Set python to "{python}", the environment' in problem(log, app_dir=str(tmp_path))
    assert "pip install stripe" in problem(log, app_dir=str(tmp_path), python="/usr/bin/python3")


@pytest.mark.parametrize(("app", "missing"), [("shop:app", "shop"), ("shop.web.main:app", "shop.web")])
def test_a_missing_module_of_the_application_is_a_matter_of_app_and_app_dir(app: str, missing: str) -> None:
    assert problem(f"{BOOT}ModuleNotFoundError: No module named '{missing}'{BOOTED}", app=app) == (
        f"There is no module {missing!r} in /srv/shop. "
        "Correct app, or set app_dir to the directory that it is imported from."
    )


def test_a_module_in_the_current_directory_is_pointed_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop.py").touch()
    monkeypatch.chdir(tmp_path)
    sentence = problem(f"{BOOT}ModuleNotFoundError: No module named 'shop'{BOOTED}", app_dir="")
    assert sentence.endswith(f'There is one in the current directory: set app_dir to "{tmp_path}".')


def test_a_module_that_its_package_lacks_is_no_package_to_install(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "wsgi.py").touch()
    raised = f"{BOOT}ModuleNotFoundError: No module named '{{}}'{BOOTED}"
    given = {"app": "shop.wsgi:application", "app_dir": str(tmp_path)}
    assert problem(raised.format("shop.setings"), **given) == (
        f"The application shop.wsgi:application imports the module 'shop.setings', which is not in {tmp_path} "
        "(/srv/shop/shop.py, line 3). Correct that name, or add the module."
    )
    assert problem(raised.format("django.forms.absent"), **given) == (
        "The application shop.wsgi:application imports the module 'django.forms.absent', which is not in the package "
        f"'django.forms' of {PYTHON} (/srv/shop/shop.py, line 3). Correct that name, or install a release that has it."
    )


@pytest.mark.parametrize(
    ("files", "missing", "given", "better"),
    [
        (["src/main.py", "src/helpers.py"], "helpers", (".", "src.main:app"), ("src", "main:app")),
        (["a/b/main.py", "a/b/core/x.py"], "core", (".", "a.b.main:make()"), ("a/b", "main:make()")),
        (["shop/wsgi.py"], "shop", ("shop", "wsgi:application"), (".", "shop.wsgi:application")),
        (["shop/web/wsgi.py", "shop/x.py"], "shop", ("shop/web", "wsgi:a"), (".", "shop.web.wsgi:a")),
    ],
)
def test_a_module_beside_the_application_is_a_matter_of_app_dir(
    tmp_path: Path, files: list[str], missing: str, given: tuple[str, str], better: tuple[str, str]
) -> None:
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    log = f"{BOOT}ModuleNotFoundError: No module named '{missing}'{BOOTED}"
    sentence = problem(log, app=given[1], app_dir=str(tmp_path / given[0]))
    directory = tmp_path / better[0]
    assert sentence.endswith(f'Set app_dir to "{directory}" and app to "{better[1]}".')
    assert "pip install" not in sentence


def test_a_project_that_lies_next_to_the_application_is_not_the_missing_package(tmp_path: Path) -> None:
    for name in ("shop", "redis"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.py").touch()
    log = f"{BOOT}ModuleNotFoundError: No module named 'redis'{BOOTED}"
    assert "pip install redis" in problem(log, app="main:app", app_dir=str(tmp_path / "shop"))


@pytest.mark.parametrize("file", ["<frozen os>", "/usr/lib/python3.12/os.py"])
def test_a_missing_environment_variable_is_told_with_the_line_that_reads_it(file: str) -> None:
    inside = f"""    KEY = os.environ["SHOP_KEY"]
          ~~~~~~~~~~^^^^^^^^^^^^
  File "{file}", line 685, in __getitem__
    raise KeyError(key) from None
"""
    assert problem(f"{BOOT}{inside}KeyError: 'SHOP_KEY'{BOOTED}") == (
        "The application shop:app needs the environment variable 'SHOP_KEY' (/srv/shop/shop.py, line 3). Set it where "
        "barehop is started: the servers have the same environment."
    )


def test_the_place_is_the_last_line_of_the_application_itself() -> None:
    inside = f"""  File "/srv/shop/models.py", line 8, in <module>
    connect()
  File "{SITE}/driver.py", line 77, in connect
    raise OSError("no route")
"""
    assert problem(f"{BOOT}{inside}OSError: no route{BOOTED}").endswith("(/srv/shop/models.py, line 8).")
    environment = inside.replace(SITE, "/srv/shop/.venv/lib/python3.13/site-packages")
    assert problem(f"{BOOT}{environment}OSError: no route{BOOTED}").endswith("(/srv/shop/models.py, line 8).")


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        ("RuntimeError: the database is not there", "RuntimeError"),
        ("ImportError: cannot import name 'x' from 'y' (/srv/y.py)", "ImportError"),
        ("django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty.", "django"),
        ("SystemError", "SystemError"),
    ],
)
def test_whatever_is_raised_at_import_is_told_with_its_place(raised: str, kind: str) -> None:
    sentence = problem(f"{BOOT}{raised}{BOOTED}")
    assert sentence == f"The application shop:app cannot be imported: {raised} (/srv/shop/shop.py, line 3)."
    assert kind in sentence


def test_a_start_up_that_fails_is_not_called_an_import() -> None:
    log = f"{BOOT}OSError: no route{BOOTED}[ERROR] Application startup failed. Exiting.\n"
    assert problem(log).startswith("The application shop:app failed in its start-up: OSError: no route (")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Failed to find attribute 'absent' in 'shop'.", "has no 'app'. Name the application in it"),
        ("gunicorn.errors.AppImportError: Failed to find attribute 'absent' in 'shop'.", "has no 'app'"),
        ("Application object must be callable.", "is no application: it cannot be called"),
        ("Failed to parse 'create_app(' as an attribute name or function call.", "cannot be read. Write it as"),
    ],
)
def test_what_gunicorn_says_of_the_name_of_an_application_is_told(said: str, words: str) -> None:
    assert words in problem(f"{said}\n[2026-01-05] [6] [ERROR] Reason: App failed to load.\n")


def test_a_log_without_an_exception_tells_nothing() -> None:
    log = "[2026-01-05] [6] [ERROR] connection to ('127.0.0.1', 1) failed: [Errno 98] Address already in use\n"
    assert problem(log) == ""
    assert last_exception(log) is None
