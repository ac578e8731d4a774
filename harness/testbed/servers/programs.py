"""Finds the programs that an arm needs and their features; errors say how to install what is missing."""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import harness
from harness.errors import MachineError
from harness.model import Settings
from harness.testbed.processes.output import ProgramOutput, read_output

PROBE_TIMEOUT_S = 10
SETUP = Path(harness.__file__).parents[1] / "scripts" / "setup"  # not in a wheel
SETUP_HINT = f", run {shlex.quote(str(SETUP))} runtime," if SETUP.exists() else ","
NGINX_PACKAGES = "apt-get install nginx-light, dnf install nginx, pacman -S nginx, apk add nginx"
# Modules of gunicorn's workers, with the package that contains each.
WORKER_MODULES = {"uvicorn": {"uvicorn": "uvicorn", "uvicorn_worker": "uvicorn-worker"}}
WORKER_ADVICE = {
    "uvicorn": " Or, for a WSGI application (Flask, Django's wsgi.py), set worker_class to 'sync' or 'gthread'."
}
NO_MODULES: Mapping[str, str] = {}
ASGI_SINCE = (24, 0)
# The gunicorn since which a worker class speaks a protocol behind nginx.
PROTOCOL_SINCE = {
    "uwsgi": {"sync": (24, 0), "asgi": (25, 0), "gthread": (25, 2)},
    "h2c": {"asgi": (26, 2), "gthread": (26, 2)},
}
PROTOCOL_MODULES = {"h2c": {"h2": "h2"}}


@dataclass(frozen=True, slots=True)
class NginxBuild:
    """An nginx binary."""

    path: str
    version: tuple[int, ...]
    flags: frozenset[str] = frozenset()  # its build options, as -V shows them

    @property
    def tls(self) -> bool:
        """Whether it was built with TLS."""
        return "--with-http_ssl_module" in self.flags

    def has(self, module: str) -> bool:
        """Return whether a module that is built in by default, like `proxy`, is there."""
        return not {f"--without-http_{module}_module", "--without-http"} & self.flags


def find_program(name: str) -> str | None:
    """Return the absolute path of a program, also from sbin directories that are not in an ordinary user's PATH."""
    path = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin"]))
    return str(Path(path).absolute()) if path else None


def find_library(pattern: str) -> str | None:
    """Return the path of a library, also of one that scripts/setup put into our environment; None if there is none."""
    machine = f"{os.uname().machine}-linux-gnu*"
    roots = [Path(directory) for directory in (f"{sys.prefix}/lib", "/usr/local/lib", "/usr/lib", "/usr/lib64")]
    directories = (directory for root in roots for directory in (root, *root.glob(machine)))
    paths = (path for directory in directories for path in sorted(directory.glob(pattern)))
    return next((str(path) for path in paths if path.exists()), None)


def find_nginx(name: str) -> NginxBuild:
    """Return the nginx called `name`. Raises MachineError where it is missing, does not run or is too old."""
    path = find_program(name)
    if path is None:
        raise MachineError(
            f"There is no program {name!r}. Install nginx ({NGINX_PACKAGES}; it need not be started)"
            f"{SETUP_HINT} or name another binary: --set arm.nginx=/path/to/nginx."
        )
    text = _output((path, "-V"))
    match = re.search(r"nginx version: \S+/(\d+)\.(\d+)\.(\d+)", text)
    if not match:
        raise MachineError(f"{path} -V shows no version of nginx but: {text.strip()[:200]!r}. Name another nginx.")
    version = tuple(map(int, match.groups()))
    if version < (1, 18):
        raise MachineError(f"{path} is nginx {'.'.join(match.groups())}; 1.18.0 or later is needed.")
    return NginxBuild(path, version, frozenset(re.findall(r"--with(?:out)?-[\w-]+", text)))


def find_python(python: str, worker_class: str) -> str:
    """Return the interpreter for gunicorn; "" is our own. Raises MachineError where a module is missing there."""
    needed = {"gunicorn": "gunicorn", **WORKER_MODULES.get(worker_class, {})}
    path = find_interpreter(python, needed, f"worker_class = {worker_class!r}", WORKER_ADVICE.get(worker_class, ""))
    if worker_class == "asgi" and (version := gunicorn_version(path)) < ASGI_SINCE:
        raise MachineError(
            f"{path} has gunicorn {'.'.join(map(str, version))}, whose workers are older than worker_class = 'asgi'. "
            f"Upgrade it: {path} -m pip install --upgrade gunicorn. Or set worker_class to 'uvicorn'."
        )
    return path


def find_interpreter(python: str, needed: Mapping[str, str] = NO_MODULES, user: str = "", advice: str = "") -> str:
    """Return the path of `python`; "" is our own. `needed` are the packages of the modules that `user` needs.

    Raises MachineError where the program or a module is missing; `advice` is what else can be done about a module.
    """
    path = find_program(python) if python else sys.executable
    if path is None:
        candidate = find_program(str(Path(python) / "bin/python"))
        way_out = f"Set python to {candidate}." if candidate else "Correct the setting python, or leave it out."
        raise MachineError(f"There is no program {python!r}. {way_out}")
    missing = {module: package for module, package in needed.items() if not _has_module(path, module)}
    if missing:
        raise MachineError(
            f"{path} has no module {' and no module '.join(missing)}, which {user} needs. "
            f"Install {'it' if len(missing) == 1 else 'them'}: {path} -m pip install {' '.join(missing.values())}."
            f"{advice}"
        )
    return path


def require_protocol(settings: Settings) -> None:
    """Raise MachineError where the gunicorn of an arm does not speak its protocol; a missing one is no problem here."""
    path, protocol = find_program(settings.python) if settings.python else sys.executable, settings.hop_protocol
    needed = PROTOCOL_SINCE.get(protocol, {}).get(settings.worker_class)
    if not settings.has_gunicorn or needed is None or path is None or not _has_module(path, "gunicorn"):
        return
    if (version := gunicorn_version(path)) < needed:
        raise MachineError(
            f"{path} has gunicorn {'.'.join(map(str, version))}, but protocol = {protocol!r} with worker_class = "
            f"{settings.worker_class!r} needs {'.'.join(map(str, needed))} or later. Upgrade it: {path} -m pip install "
            "--upgrade gunicorn."
        )
    for module, package in PROTOCOL_MODULES.get(protocol, {}).items():
        if not _has_module(path, module):
            raise MachineError(
                f"{path} has no module {module}, which protocol = {protocol!r} needs. Install it: {path} -m pip "
                f"install {package}."
            )


def gunicorn_version(python: str) -> tuple[int, ...]:
    """Return the version of gunicorn that `python` finds."""
    text = _output((python, "-c", "import gunicorn; print(gunicorn.__version__)"))
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


@cache
def _has_module(python: str, module: str) -> bool:
    if python == sys.executable:
        return find_spec(module) is not None
    return "found" in _output((python, "-c", f"import importlib.util as u; u.find_spec({module!r}) and print('found')"))


@cache
def ask_program(command: tuple[str, ...]) -> ProgramOutput:
    """Return what `command` prints; it runs once, where no file of a user takes the place of a module.

    Raises OSError, and TimeoutError after PROBE_TIMEOUT_S.
    """
    return read_output(command, PROBE_TIMEOUT_S, Path("/"))


def _output(command: tuple[str, ...]) -> str:
    try:
        printed = ask_program(command)
    except TimeoutError:
        raise MachineError(
            f"{shlex.join(command)} does not answer within {PROBE_TIMEOUT_S} s. Name another program."
        ) from None
    except OSError as error:
        raise MachineError(f"{shlex.join(command)} does not run: {error.strerror}. Name another program.") from None
    return printed.out + printed.err
