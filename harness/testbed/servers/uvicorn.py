"""The command line of uvicorn alone, with the settings that gunicorn's uvicorn worker has."""

from collections.abc import Iterable
from dataclasses import dataclass

from harness.model import Settings
from harness.start import module_command
from harness.testbed.servers.gunicorn import (
    BACKLOG,
    KEEP_ALIVE_S,
    app_directory,
    has_forwarded_headers,
    hides_own_packages,
)
from harness.testbed.standalone import application_path

UNIX_PREFIX = "unix:"
DEFAULT_NAME = "application"  # gunicorn's for an app without a name
WITH_UVICORN = {"uvicorn": "uvicorn"}  # module and package


@dataclass(frozen=True, slots=True)
class Uvicorn:
    """A uvicorn for `arms`, which agree in its own settings."""

    python: str
    arms: tuple[Settings, ...]
    title = "uvicorn"
    directory = None  # that of the stack

    def argv(self, binds: Iterable[str]) -> tuple[str, ...]:
        """Return its command line, to listen on the only one of `binds`."""
        settings, (bind,) = self.arms[0], binds
        module, _, name = settings.app.partition(":")
        options = {
            **listening_options(bind),
            "workers": str(settings.workers),
            "backlog": BACKLOG,
            "timeout-keep-alive": KEEP_ALIVE_S,
            "log-level": "warning",
            **({"forwarded-allow-ips": "*"} if has_forwarded_headers(self.arms) else {}),
            "app-dir": str(app_directory(settings)),
        }
        return (
            *uvicorn_command(self.python, settings),
            *(f"--{option}={value}" for option, value in options.items()),
            "--no-access-log",
            *(["--factory"] if name.endswith("()") else []),
            f"{module}:{name.removesuffix('()') or DEFAULT_NAME}",
        )


def listening_options(bind: str) -> dict[str, str]:
    """Return the options for an address that is written as gunicorn's --bind has it."""
    if bind.startswith(UNIX_PREFIX):
        return {"uds": bind.removeprefix(UNIX_PREFIX)}
    host, _, port = bind.rpartition(":")
    return {"host": host.strip("[]"), "port": port}


def uvicorn_command(python: str, settings: Settings) -> tuple[str, ...]:
    """Return the beginning of the command line: which uvicorn runs, and whether it sees barehop's packages."""
    if hides_own_packages(settings):
        return (python, "-P", application_path.__file__)
    is_own = not settings.python  # our application in our interpreter
    return (python, *(module_command("uvicorn") if is_own else ("-m", "uvicorn")))
