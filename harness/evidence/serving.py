"""Reads what serves each arm: the interpreter with its packages, nginx, and the application's files."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.evidence.versions import without_home
from harness.lab import application_path
from harness.lab.gunicorn import app_directory, hides_own_packages, server_environment
from harness.lab.output import read_output
from harness.lab.programs import find_python
from harness.model import Arm, Settings

INTERPRETER_TIMEOUT_S = 30.0  # it imports the application's packages
PACKAGES = (
    "gunicorn", "uvicorn", "uvicorn-worker", "uvloop", "httptools", "h11", "starlette", "fastapi", "flask", "django",
    "werkzeug", "asgiref", "pydantic", "gevent", "orjson",
)  # fmt: skip
APPLICATION_FACTS = ("module", "file", "sha256", "files", "files_sha256")
PROGRAM = Path(__file__).with_name("ask_interpreter.py")

Facts = dict[str, Any]


def serving_facts(arms: Sequence[Arm], programs: Mapping[str, str]) -> list[Facts]:
    """Return an entry for each combination of servers and application, with its arms. `programs`: `nginx -V` output."""
    groups: dict[tuple[str, ...], list[Arm]] = {}
    for arm in arms:
        if not arm.settings.url:
            groups.setdefault(_serving_key(arm.settings), []).append(arm)
    return [_group_facts(group, programs) for group in groups.values()]


def nginx_facts(text: str) -> Facts:
    """Parse version, OpenSSL and configure arguments from the output of `nginx -V`."""
    patterns = {
        "version": r"nginx version: (.+)",
        "openssl": r"built with (OpenSSL .+|LibreSSL .+|BoringSSL.*)",
        "configure": r"configure arguments: ?(.*)",
    }
    matches = {name: re.search(pattern, text) for name, pattern in patterns.items()}
    return {name: match[1].strip() for name, match in matches.items() if match}


def _serving_key(settings: Settings) -> tuple[str, ...]:
    return settings.nginx, settings.python, settings.worker_class, settings.app, settings.app_dir


def _group_facts(arms: Sequence[Arm], programs: Mapping[str, str]) -> Facts:
    settings = arms[0].settings
    answer = _interpreter_facts(settings)
    application = {name: answer[name] for name in APPLICATION_FACTS if answer.get(name) is not None}
    directory = without_home(settings.app_dir)
    return {
        "arms": [arm.name for arm in arms],
        "nginx": nginx_facts(programs.get(settings.nginx, "")),
        "python": {name: fact for name, fact in answer.items() if name not in APPLICATION_FACTS},
        "application": {"app": settings.app, "directory": directory, **application},
    }


def _interpreter_facts(settings: Settings) -> Facts:
    """Return the interpreter's own facts, or {"problem": a sentence}."""
    try:
        python = find_python(settings.python, settings.worker_class)
    except HarnessError as error:
        return {"problem": without_home(str(error))}
    finder = application_path.__file__ if hides_own_packages(settings) else ""
    return dict(_run_interpreter(python, settings.app, str(app_directory(settings)), finder))


@cache
def _run_interpreter(python: str, app: str, directory: str, finder: str) -> Facts:
    argv = (python, "-c", PROGRAM.read_text(encoding="utf-8"), app, directory, finder, *PACKAGES)
    try:
        output = read_output(argv, INTERPRETER_TIMEOUT_S, Path("/"), server_environment())
        answer = json.loads(output.out.rstrip().rpartition("\n")[2])
    except TimeoutError:
        return {"problem": f"The interpreter did not answer within {INTERPRETER_TIMEOUT_S:g} s."}
    except (OSError, ValueError) as error:
        return {"problem": f"The interpreter could not be run: {type(error).__name__}."}
    return answer if isinstance(answer, dict) else {"problem": "The interpreter gave no answer."}
