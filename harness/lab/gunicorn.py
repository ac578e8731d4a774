"""gunicorn's command line and environment for a stack."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.model import Settings
from harness.start import module_command

WORKER_CLASSES = {"uvicorn": "uvicorn_worker.UvicornWorker", "asgi": "asgi", "sync": "sync"}
CONTROL_SOCKET_SINCE = (25, 1)
# Settings that gunicorn would take from its surroundings, and a hash seed that sessions would share.
UNWANTED = ("GUNICORN_CMD_ARGS", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS", "PYTHONHASHSEED")


def gunicorn_argv(
    python: str, version: tuple[int, ...], settings: Settings, binds: Sequence[str], scratch: Path
) -> tuple[str, ...]:
    """One gunicorn that listens on all of `binds`; its heartbeat files go to `scratch`."""
    options = {
        "workers": str(settings.workers),
        "worker-class": WORKER_CLASSES[settings.worker_class],
        "backlog": "2048",
        "keep-alive": "75",  # longer than any pause between two visits of an arm
        "timeout": "60",
        "worker-tmp-dir": str(scratch),
        "log-level": "warning",
        "chdir": str(app_directory(settings)),
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    bound = [f"--bind={bind}" for bind in binds]
    control = ["--no-control-socket"] if version >= CONTROL_SOCKET_SINCE else []
    return (python, *_gunicorn(python, settings), *bound, *arguments, *control, settings.app)


def _gunicorn(python: str, settings: Settings) -> Sequence[str]:
    """Return what runs gunicorn: our own application in our own interpreter is out of reach of PYTHONPATH."""
    own = python == sys.executable and not settings.app_dir
    return module_command("gunicorn") if own else ("-m", "gunicorn")


def app_directory(settings: Settings) -> Path:
    """Where the application is imported from: by default beside `harness`, where `app` lies."""
    return Path(settings.app_dir).resolve() if settings.app_dir else Path(__file__).parents[2]


def dropped_variables() -> list[str]:
    """The variables that are set here and kept from the servers."""
    return [name for name in UNWANTED if name in os.environ]


def server_environment() -> Mapping[str, str]:
    return {name: value for name, value in os.environ.items() if name not in UNWANTED}
