"""The command line of gunicorn."""

import math
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import harness
from harness.errors import MachineError
from harness.experiment.problems import to_toml
from harness.model import Settings
from harness.model.http import header_bytes
from harness.start import module_command
from harness.testbed.standalone import application_path

WORKER_CLASSES = {"uvicorn": "uvicorn_worker.UvicornWorker", "asgi": "asgi", "sync": "sync", "gthread": "gthread"}
CONTROL_SOCKET_SINCE = (25, 1)
BACKLOG = "2048"
KEEP_ALIVE_S = "75"  # longer than any pause between two visits of an arm
DEFAULT_TIMEOUT_S = 60
CLIENT_MARGIN_S = 30  # clients time out first, so gunicorn kills only a worker that hangs
DEFAULT_FIELD_BYTES = 8000  # of gunicorn's 8190
MAX_FIELD_BYTES = 65536  # more than all headers of an arm may have; 0 does not mean unlimited in every release
# Variables that would change gunicorn's settings, and a hash seed that sessions would share.
REMOVED_VARIABLES = ("GUNICORN_CMD_ARGS", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS", "PYTHONHASHSEED")


@dataclass(frozen=True, slots=True)
class Gunicorn:
    """A gunicorn for `arms`, which agree in its own settings; its heartbeat files are in `scratch`."""

    python: str
    version: tuple[int, ...]
    arms: tuple[Settings, ...]
    scratch: Path
    certificate: Path | None = None  # PEM file with its key, for TLS on the hop
    title = "gunicorn"
    directory = None  # that of the stack, where no foreign gunicorn.conf.py lies

    def argv(self, binds: Iterable[str]) -> tuple[str, ...]:
        """Return its command line, to listen on all `binds`."""
        return gunicorn_argv(self, binds)


def gunicorn_argv(gunicorn: Gunicorn, binds: Iterable[str]) -> tuple[str, ...]:
    """Return the command line of one gunicorn on all `binds`."""
    python, arms = gunicorn.python, gunicorn.arms
    settings = arms[0]
    is_own = python == sys.executable and not settings.app_dir  # our application in our interpreter
    longest_s = max(max(arm.start_timeout_s, arm.timeout_s) for arm in arms)
    timeout_s = max(DEFAULT_TIMEOUT_S, math.ceil(longest_s) + CLIENT_MARGIN_S)  # longer than a start or a request
    has_long_fields = any(header_bytes(arm) > DEFAULT_FIELD_BYTES for arm in arms)
    options = {
        "workers": str(settings.workers),
        "worker-class": WORKER_CLASSES[settings.worker_class],
        **({"threads": str(settings.threads)} if settings.worker_class == "gthread" else {}),
        "backlog": BACKLOG,
        "keep-alive": KEEP_ALIVE_S,
        "timeout": str(timeout_s),
        "worker-tmp-dir": str(gunicorn.scratch),
        "log-level": "warning",
        **({"limit-request-field_size": str(MAX_FIELD_BYTES)} if has_long_fields else {}),
        **({"forwarded-allow-ips": "*"} if has_forwarded_headers(arms) else {}),
        **_hop_options(settings, gunicorn.certificate),
        "chdir": str(app_directory(settings)),
        **({"config": f"file:{application_path.__file__}"} if hides_own_packages(settings) else {}),
    }
    return (
        python,
        *(module_command("gunicorn") if is_own else ("-m", "gunicorn")),  # ours is out of reach of PYTHONPATH
        *(f"--bind={bind}" for bind in binds),
        *(f"--{name}={value}" for name, value in options.items()),
        *(["--no-control-socket"] if gunicorn.version >= CONTROL_SOCKET_SINCE else []),
        settings.app,
    )


def has_forwarded_headers(arms: Iterable[Settings]) -> bool:
    """Return whether a request tells the client of a proxy: the server must trust it, also on a Unix socket."""
    names = [name.lower() for arm in arms for name in arm.headers]
    return any(name.startswith("x-forwarded-") or name == "forwarded" for name in names)


def _hop_options(settings: Settings, certificate: Path | None) -> dict[str, str]:
    """Return the options for what gunicorn speaks on the hop; both protocols would trust certain addresses only."""
    protocols = {
        "uwsgi": {"protocol": "uwsgi", "uwsgi-allow-from": "*"},
        "h2c": {"http-protocols": "h2,h1", "http2-cleartext": "prior-knowledge", "forwarded-allow-ips": "*"},
    }
    tls = {"certfile": str(certificate), "keyfile": str(certificate)} if settings.hop_tls != "off" else {}
    return protocols.get(settings.hop_protocol, {}) | tls


def app_directory(settings: Settings) -> Path:
    """Return the directory the application is imported from, by default the one that holds `harness` and `app`."""
    return Path(settings.app_dir).resolve() if settings.app_dir else Path(harness.__file__).parents[1]


def require_app_directory(settings: Settings) -> None:
    """Raise MachineError where the application's directory is not a directory."""
    directory = app_directory(settings)
    if directory.is_dir():
        return
    if directory.is_file():
        raise MachineError(
            f"app_dir = {to_toml(settings.app_dir)} is a file. Set app_dir to its directory, {directory.parent}, and "
            f'app to what is in it, like "{directory.stem}:app".'
        )
    raise MachineError(f"There is no directory {directory}. Set app_dir to the directory of the application.")


def hides_own_packages(settings: Settings) -> bool:
    """Return whether barehop's packages must be hidden from the application, because its Python would find them."""
    return bool(settings.app_dir) and not settings.python


def removed_variables() -> list[str]:
    """Return the variables that are set here but not passed to the servers."""
    return [name for name in REMOVED_VARIABLES if name in os.environ]


def server_environment() -> dict[str, str]:
    """Return the environment of the servers."""
    return {name: value for name, value in os.environ.items() if name not in REMOVED_VARIABLES}
