"""Versions of the programs and packages that serve, and the files of the application."""

import json
import os
import platform
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import harness
from harness.errors import HarnessError
from harness.model import Arm, Settings
from harness.model.record import PythonFacts
from harness.start import module_command
from harness.testbed.processes.output import read_output
from harness.testbed.servers.gunicorn import app_directory, hides_own_packages, server_environment
from harness.testbed.servers.programs import PROBE_TIMEOUT_S, ask_program, find_python
from harness.testbed.standalone import application_path, describe_interpreter

_NGINX_LABEL = "nginx version:"  # under whatever name nginx is called
PYPERF_TIMEOUT_S = 20.0
SECTIONS = {"System state": "state", "Advices": "advice", "Warnings": "warning", "Errors": "warning"}

SystemLine = tuple[str, str, str]  # section, subject, text
INTERPRETER_TIMEOUT_S = 30.0  # it imports the application's packages
PACKAGES = (
    "gunicorn", "uvicorn", "uvicorn-worker", "uvloop", "httptools", "h11", "starlette", "fastapi", "flask", "django",
    "werkzeug", "asgiref", "pydantic", "gevent", "orjson",
)  # fmt: skip
APPLICATION_FACTS = ("module", "file", "sha256", "files", "files_sha256")
PROGRAM = Path(describe_interpreter.__file__)

ServingFacts = dict[str, Any]


def python_facts() -> PythonFacts:
    """Return the facts about our interpreter, and all distributions in its environment.

    Not only the required ones: uvloop or httptools change the results when they are installed.
    """
    packages = [distribution.metadata for distribution in metadata.distributions()]
    return {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "compiler": platform.python_compiler(),
        "libc": " ".join(platform.libc_ver()),
        "barehop": harness.__version__,
        "distributions": dict(
            sorted((package["Name"], package["Version"]) for package in packages if "Name" in package)
        ),
    }


def program_versions(commands: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the output of the commands that print versions, by name: the first line, all of it for nginx.

    For a missing or failing program, or one without an option that prints its version, the value is a sentence.
    """
    return {name: _version(command) for name, command in commands.items()}


def _version(command: Sequence[str]) -> str:
    if len(command) == 1:
        return f"{command[0]} has no option that prints a version."
    text = hide_home(_version_output(command))
    return text if _NGINX_LABEL in text else text.partition("\n")[0]


def hide_home(text: str) -> str:
    """Return `text` without the paths of home directories, which hold user names."""
    own = os.environ.get("HOME", "")
    homes = [re.escape(own) + r"\b"] if len(own) > 1 else []
    return re.sub("|".join([*homes, r"/home/[^/\s]+"]), "~", text)


def _version_output(command: Sequence[str]) -> str:
    """Return standard output and standard error; nginx writes to the latter."""
    command_line = " ".join(command)
    try:
        output = ask_program(tuple(command))
    except TimeoutError:
        return f"{command_line} did not answer within {PROBE_TIMEOUT_S} s."
    except OSError as error:
        return f"{command_line} could not be run: {error.strerror}."
    text = (output.out + output.err).strip() or "no output."
    return f"{command_line} failed with exit code {output.code}: {text[-200:]}" if output.code else text


@dataclass(frozen=True, slots=True)
class PyperfSubject:
    """The states, warnings and advice of pyperf on one subject, like "ASLR"."""

    name: str
    states: tuple[str, ...]
    warnings: tuple[str, ...]
    advices: tuple[str, ...]


def read_pyperf_system() -> list[PyperfSubject]:
    """Return the subjects of `pyperf system show`; empty where pyperf does not answer."""
    command = [sys.executable, *module_command("pyperf"), "system", "show"]
    try:
        return parse_subjects(read_output(command, PYPERF_TIMEOUT_S).out)
    except OSError:
        return []


def parse_subjects(text: str) -> list[PyperfSubject]:
    """Parse the sections, which have lines `Subject: text`."""
    lines = list(_system_lines(text))
    names = dict.fromkeys(name for _, name, _ in lines)
    return [
        PyperfSubject(name, _texts(lines, name, "state"), _texts(lines, name, "warning"), _texts(lines, name, "advice"))
        for name in names
    ]


def _system_lines(text: str) -> Iterator[SystemLine]:
    section = ""
    for line in text.splitlines():
        section = SECTIONS.get(line.strip(), section)
        name, colon, text = line.partition(": ")
        if section and colon and line.strip() not in SECTIONS:
            yield section, name.strip(), text.strip()


def _texts(lines: list[SystemLine], name: str, section: str) -> tuple[str, ...]:
    return tuple(text for line_section, subject, text in lines if (line_section, subject) == (section, name))


def serving_facts(arms: Sequence[Arm], programs: Mapping[str, str]) -> list[ServingFacts]:
    """Return an entry for each combination of servers and application, with its arms. `programs`: `nginx -V` output."""
    groups: dict[tuple[str, ...], list[Arm]] = {}
    for arm in arms:
        if not arm.settings.url:
            groups.setdefault(_serving_key(arm.settings), []).append(arm)
    return [_group_facts(group, programs) for group in groups.values()]


def parse_nginx_version(text: str) -> ServingFacts:
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


def _group_facts(arms: Sequence[Arm], programs: Mapping[str, str]) -> ServingFacts:
    settings = arms[0].settings
    answer = _interpreter_facts(settings)
    application = {name: answer[name] for name in APPLICATION_FACTS if answer.get(name) is not None}
    directory = hide_home(settings.app_dir)
    return {
        "arms": [arm.name for arm in arms],
        "nginx": parse_nginx_version(programs.get(settings.nginx, "")),
        "python": {name: fact for name, fact in answer.items() if name not in APPLICATION_FACTS},
        "application": {"app": settings.app, "directory": directory, **application},
    }


def _interpreter_facts(settings: Settings) -> ServingFacts:
    """Return the interpreter's own facts, or {"problem": a sentence}."""
    try:
        python = find_python(settings.python, settings.worker_class)
    except HarnessError as error:
        return {"problem": hide_home(str(error))}
    finder = application_path.__file__ if hides_own_packages(settings) else ""
    return dict(_run_interpreter(python, settings.app, str(app_directory(settings)), finder))


@cache
def _run_interpreter(python: str, app: str, directory: str, finder: str) -> ServingFacts:
    argv = (python, "-c", PROGRAM.read_text(encoding="utf-8"), app, directory, finder, *PACKAGES)
    try:
        output = read_output(argv, INTERPRETER_TIMEOUT_S, Path("/"), server_environment())
        answer = json.loads(output.out.rstrip().rpartition("\n")[2])
    except TimeoutError:
        return {"problem": f"The interpreter did not answer within {INTERPRETER_TIMEOUT_S:g} s."}
    except (OSError, ValueError) as error:
        return {"problem": f"The interpreter could not be run: {type(error).__name__}."}
    return answer if isinstance(answer, dict) else {"problem": "The interpreter gave no answer."}
