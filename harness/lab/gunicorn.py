"""gunicorn's command line and environment for a stack."""

import math
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import MachineError
from harness.experiment.requests import header_bytes
from harness.experiment.wording import shown
from harness.lab import application_path
from harness.model import Settings
from harness.start import module_command

WORKER_CLASSES = {"uvicorn": "uvicorn_worker.UvicornWorker", "asgi": "asgi", "sync": "sync", "gthread": "gthread"}
CONTROL_SOCKET_SINCE = (25, 1)
USUAL_TIMEOUT_S = 60
LONGER_THAN_CLIENT_S = 30  # a worker is given up after whoever waits for it, so that only one that hangs is
LONGEST_USUAL_FIELD_BYTES = 8000  # of gunicorn's 8190
LONGEST_FIELD_BYTES = 65536  # more than all headers of an arm together may have; 0 is not without a limit everywhere
# Settings that gunicorn would take from its surroundings, and a hash seed that sessions would share.
UNWANTED = ("GUNICORN_CMD_ARGS", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS", "PYTHONHASHSEED")


def gunicorn_argv(
    python: str, version: tuple[int, ...], arms: Sequence[Settings], binds: Sequence[str], scratch: Path
) -> tuple[str, ...]:
    """One gunicorn for `arms` that listens on all of `binds`; its heartbeat files go to `scratch`."""
    settings = arms[0]
    options = {
        "workers": str(settings.workers),
        "worker-class": WORKER_CLASSES[settings.worker_class],
        **({"threads": str(settings.threads)} if settings.worker_class == "gthread" else {}),
        "backlog": "2048",
        "keep-alive": "75",  # longer than any pause between two visits of an arm
        "timeout": str(_timeout_s(arms)),
        "worker-tmp-dir": str(scratch),
        "log-level": "warning",
        **({"limit-request-field_size": str(LONGEST_FIELD_BYTES)} if _has_long_fields(arms) else {}),
        **({"forwarded-allow-ips": "*"} if _is_told_of_proxies(arms) else {}),
        **_application(settings),
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


def check_app_directory(settings: Settings) -> None:
    """Raise MachineError where the application's directory is none."""
    given = app_directory(settings)
    if given.is_dir():
        return
    if given.is_file():
        raise MachineError(
            f"app_dir = {shown(settings.app_dir)} is a file. Set app_dir to its directory, {given.parent}, and app to "
            f'what is in it, like "{given.stem}:app".'
        )
    raise MachineError(f"There is no directory {given}. Set app_dir to the directory that the application is in.")


def hides_own_packages(settings: Settings) -> bool:
    """Whether the application must not see barehop's packages, which the Python that serves it would find."""
    return bool(settings.app_dir) and not settings.python


def dropped_variables() -> list[str]:
    """The variables that are set here and kept from the servers."""
    return [name for name in UNWANTED if name in os.environ]


def server_environment() -> Mapping[str, str]:
    return {name: value for name, value in os.environ.items() if name not in UNWANTED}


def _application(settings: Settings) -> dict[str, str]:
    """Where it is. Our own Python finds barehop's packages too, which a user's application must not see."""
    hiding = {"config": f"file:{application_path.__file__}"} if hides_own_packages(settings) else {}
    return {"chdir": str(app_directory(settings)), **hiding}


def _timeout_s(arms: Sequence[Settings]) -> int:
    """After which gunicorn kills a worker that does not answer it: longer than starting or a request may take."""
    longest_s = max(max(settings.start_timeout_s, settings.timeout_s) for settings in arms)
    return max(USUAL_TIMEOUT_S, math.ceil(longest_s) + LONGER_THAN_CLIENT_S)


def _has_long_fields(arms: Sequence[Settings]) -> bool:
    return any(header_bytes(settings) > LONGEST_USUAL_FIELD_BYTES for settings in arms)


def _is_told_of_proxies(arms: Sequence[Settings]) -> bool:
    """Whether requests say what came before nginx. A peer on a Unix socket has no address that could be trusted."""
    names = [name.lower() for settings in arms for name in settings.headers]
    return any(name.startswith("x-forwarded-") or name == "forwarded" for name in names)
