"""Finds the programs that an arm needs and what they can do; what is missing comes with the way to get it."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from harness.errors import MachineError

ANSWER_S = 10
SETUP = Path(__file__).parents[2] / "scripts" / "setup"  # which a wheel has not
OF_A_CHECKOUT = f", run {shlex.quote(str(SETUP))} runtime," if SETUP.exists() else ","
NGINX_PACKAGES = "apt-get install nginx-light, dnf install nginx, pacman -S nginx, apk add nginx"
WORKER_MODULES = {"uvicorn": "uvicorn_worker", "asgi": "gunicorn", "sync": "gunicorn"}


@dataclass(frozen=True, slots=True)
class Nginx:
    path: str
    version: tuple[int, ...]
    tls: bool


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
    return Nginx(path=path, version=version, tls="http_ssl_module" in text)


def find_python(python: str, worker_class: str) -> str:
    """The interpreter that runs gunicorn; "" is our own. Raises MachineError when a module is missing there."""
    path = find_program(python) if python else sys.executable
    if path is None:
        raise MachineError(f"There is no program {python!r}. Correct the setting python, or leave it out.")
    for module in dict.fromkeys(("gunicorn", WORKER_MODULES[worker_class])):
        if not _has_module(path, module):
            raise MachineError(
                f"{path} has no module {module}, which worker_class = {worker_class!r} needs. "
                f"Install it: {path} -m pip install gunicorn uvicorn uvicorn-worker."
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
        ended = subprocess.run(
            command,
            cwd="/",  # where no file of a user takes the place of a module
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=ANSWER_S,
            errors="replace",
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise MachineError(
            f"{shlex.join(command)} does not answer within {ANSWER_S} s. Name another program."
        ) from None
    except OSError as error:
        raise MachineError(f"{shlex.join(command)} does not run: {error.strerror}. Name another program.") from None
    return ended.stdout + ended.stderr
