"""The application server of an arm: gunicorn, uvicorn alone, or what a command of the arm starts."""

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness.errors import MachineError
from harness.experiment.own_command import fill_words, placeholders_of
from harness.experiment.problems import to_toml
from harness.model import Settings
from harness.testbed.servers.gunicorn import Gunicorn, app_directory, require_app_directory
from harness.testbed.servers.nginx import Certificate
from harness.testbed.servers.programs import find_interpreter, find_program, find_python, gunicorn_version
from harness.testbed.servers.uvicorn import WITH_UVICORN, Uvicorn, listening_options


@dataclass(frozen=True, slots=True)
class OwnCommand:
    """The command of an arm. Its program has been found; it runs in the directory of the application."""

    settings: Settings
    python: str
    program: str

    @property
    def title(self) -> str:
        """The name of its program."""
        return Path(self.program).name

    @property
    def directory(self) -> Path:
        """Where it runs."""
        return app_directory(self.settings)

    def argv(self, binds: Iterable[str]) -> tuple[str, ...]:
        """Return its words, with the only one of `binds` as its address."""
        (bind,) = binds
        options = listening_options(bind)
        address = {"socket": options["uds"]} if "uds" in options else options
        _, *arguments = _fill(self.settings, self.python, {**address, "bind": bind})
        return (self.program, *arguments)


AppServer = Gunicorn | Uvicorn | OwnCommand


def app_server_of(arms: Sequence[Settings], scratch: Path, certificate: Certificate | None = None) -> AppServer:
    """Return the server for `arms`, which agree in its settings. Raises MachineError for a missing program."""
    settings, python = arms[0], find_app_python(arms[0])
    if settings.command:
        return OwnCommand(settings, python, find_command_program(settings))
    if settings.server == "uvicorn":
        return Uvicorn(python, tuple(arms))
    chain_and_key = certificate.chain_and_key if certificate else None
    return Gunicorn(python, gunicorn_version(python), tuple(arms), scratch, chain_and_key)


def app_server_checks(settings: Settings) -> Iterator[Callable[[], object]]:
    """Yield functions that raise MachineError for what the server of an arm lacks here."""
    yield partial(find_app_python, settings)
    yield partial(require_app_directory, settings)
    if settings.command:
        yield partial(find_command_program, settings)


def find_app_python(settings: Settings) -> str:
    """Return the Python of the server; "" for a command without {python}. Raises MachineError."""
    if settings.command:
        return find_interpreter(settings.python) if "python" in placeholders_of(settings.command) else ""
    if settings.server == "uvicorn":
        return find_interpreter(settings.python, WITH_UVICORN, f"server = {to_toml(settings.server)}")
    return find_python(settings.python, settings.worker_class)


def find_command_program(settings: Settings) -> str:
    """Return the absolute path of the command's program. Raises MachineError where there is none that can be run."""
    unknown = dict.fromkeys(("socket", "host", "port", "bind"), "")
    name, *_ = _fill(settings, find_app_python(settings), unknown)
    path = find_program(str(app_directory(settings) / name) if "/" in name else name)
    if path is None:
        raise MachineError(
            f"There is no program {name!r} that can be run, which the command {shlex.quote(settings.command)} needs. "
            "Install it, or give its path: a relative one begins in app_dir."
        )
    return path


def _fill(settings: Settings, python: str, address: dict[str, str]) -> tuple[str, ...]:
    values = {
        "workers": str(settings.workers),
        "app": settings.app,
        "app_dir": str(app_directory(settings)),
        "python": python,
    }
    return fill_words(settings.command, {**values, **address})
