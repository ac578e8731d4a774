"""Finds the programs that an arm needs and what they can do; what is missing comes with the way to get it."""

import os
import re
import shlex
import shutil
import sys
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from harness.errors import MachineError
from harness.lab.output import read_output

ANSWER_S = 10
SETUP = Path(__file__).parents[2] / "scripts" / "setup"  # which a wheel has not
OF_A_CHECKOUT = f", run {shlex.quote(str(SETUP))} runtime," if SETUP.exists() else ","
NGINX_PACKAGES = "apt-get install nginx-light, dnf install nginx, pacman -S nginx, apk add nginx"
# What gunicorn's workers need: each module with the package that brings it.
WORKER_MODULES = {"uvicorn": {"uvicorn": "uvicorn", "uvicorn_worker": "uvicorn-worker"}}
ASGI_SINCE = (24, 0)


@dataclass(frozen=True, slots=True)
class Nginx:
    path: str
    version: tuple[int, ...]
    flags: frozenset[str] = frozenset()  # what it was built with and without, as -V shows it

    @property
    def tls(self) -> bool:
        return "--with-http_ssl_module" in self.flags

    def has(self, module: str) -> bool:
        """Whether a module that is built in by default, like `proxy`, is there."""
        return not {f"--without-http_{module}_module", "--without-http"} & self.flags


def find_program(name: str) -> str | None:
    """The absolute path of a program, also where an ordinary user's PATH does not lead."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin"]))
    return str(Path(found).absolute()) if found else None


def find_nginx(name: str) -> Nginx:
    """The nginx called `name`. Raises MachineError when it is missing, does not run or is too old."""
    path = find_program(name)
    if path is None:
        raise MachineError(
            f"There is no program {name!r}. Install nginx ({NGINX_PACKAGES}; it need not be started)"
            f"{OF_A_CHECKOUT} or name another one: --set arm.nginx=/path/to/nginx."
        )
    text = _output((path, "-V"))
    found = re.search(r"nginx version: \S+/(\d+)\.(\d+)\.(\d+)", text)
    if not found:
        raise MachineError(f"{path} -V says no version of nginx but: {text.strip()[:200]!r}. Name another nginx.")
    version = tuple(map(int, found.groups()))
    if version < (1, 18):
        raise MachineError(f"{path} is nginx {'.'.join(found.groups())}; 1.18.0 or later is needed.")
    return Nginx(path=path, version=version, flags=frozenset(re.findall(r"--with(?:out)?-[\w-]+", text)))


def find_python(python: str, worker_class: str) -> str:
    """The interpreter that runs gunicorn; "" is our own. Raises MachineError when a module is missing there."""
    path = find_program(python) if python else sys.executable
    if path is None:
        inside = find_program(str(Path(python) / "bin/python"))
        way_out = f"Set python to {inside}." if inside else "Correct the setting python, or leave it out."
        raise MachineError(f"There is no program {python!r}. {way_out}")
    needed = {"gunicorn": "gunicorn", **WORKER_MODULES.get(worker_class, {})}
    missing = {module: package for module, package in needed.items() if not _has_module(path, module)}
    if missing:
        raise MachineError(
            f"{path} has no module {' and no module '.join(missing)}, which worker_class = {worker_class!r} needs. "
            f"Install {'it' if len(missing) == 1 else 'them'}: {path} -m pip install {' '.join(missing.values())}."
        )
    if worker_class == "asgi" and (version := gunicorn_version(path)) < ASGI_SINCE:
        raise MachineError(
            f"{path} has gunicorn {'.'.join(map(str, version))}, whose workers are older than worker_class = 'asgi'. "
            f"Upgrade it: {path} -m pip install --upgrade gunicorn. Or set worker_class to 'uvicorn'."
        )
    return path


def gunicorn_version(python: str) -> tuple[int, ...]:
    text = _output((python, "-c", "import gunicorn; print(gunicorn.__version__)"))
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


@cache
def _has_module(python: str, module: str) -> bool:
    if python == sys.executable:
        return find_spec(module) is not None
    return "found" in _output((python, "-c", f"import importlib.util as u; u.find_spec({module!r}) and print('found')"))


@cache
def _output(command: tuple[str, ...]) -> str:
    try:
        printed = read_output(command, ANSWER_S, Path("/"))  # where no file of a user takes the place of a module
    except TimeoutError:
        raise MachineError(
            f"{shlex.join(command)} does not answer within {ANSWER_S} s. Name another program."
        ) from None
    except OSError as error:
        raise MachineError(f"{shlex.join(command)} does not run: {error.strerror}. Name another program.") from None
    return printed.out + printed.err
