"""What serves: versions of programs and packages, files of the application, environment variables that matter."""

import hashlib
import json
import os
import platform
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import harness
from harness.errors import HarnessError
from harness.experiment.own_command import command_words
from harness.model import Arm, Settings
from harness.model.record import PythonFacts
from harness.start import module_command
from harness.testbed.processes.output import read_output
from harness.testbed.servers.application import find_app_python, find_command_program
from harness.testbed.servers.gunicorn import app_directory, hides_own_packages, server_environment
from harness.testbed.servers.programs import PROBE_TIMEOUT_S, ask_program
from harness.testbed.standalone import application_path, describe_interpreter

_NGINX_LABEL = "nginx version:"  # under whatever name nginx is called
PYPERF_TIMEOUT_S = 20.0
PYPERF_SECTIONS = {"System state": "state", "Advices": "advice", "Warnings": "warning", "Errors": "warning"}
INTERPRETER_TIMEOUT_S = 30.0  # it imports the application's packages
PACKAGES = (
    "gunicorn", "uvicorn", "uvicorn-worker", "uvloop", "httptools", "h11", "starlette", "fastapi", "flask", "django",
    "werkzeug", "asgiref", "pydantic", "gevent", "orjson",
)  # fmt: skip
APPLICATION_FACTS = ("module", "file", "sha256", "files", "files_sha256")
PROGRAM = Path(describe_interpreter.__file__)

SYSTEM_PREFIXES = (
    "PYTHON", "MALLOC_", "LD_", "GLIBC_TUNABLES", "UVICORN_", "HYPERCORN_", "GUNICORN_", "WEB_CONCURRENCY", "OMP_",
    "OPENBLAS_", "MKL_", "NUMEXPR_", "BLIS_", "GOTO_", "VECLIB_", "TZ", "LANG", "LC_", "SSL_", "SSLKEYLOGFILE",
    "OPENSSL_", "UVLOOP_", "AIOHTTP_", "GEVENT_", "EVENTLET_", "MIMALLOC_", "TCMALLOC_", "_RJEM_", "COVERAGE_",
    "COV_CORE_", "NGINX",
)  # fmt: skip
APPLICATION_PREFIXES = (
    "DJANGO_", "FLASK_", "STARLETTE_", "FASTAPI_", "QUART_", "WERKZEUG_", "OTEL_", "DD_", "NEW_RELIC_", "SENTRY_",
    "ELASTIC_APM_", "APP_", "DEBUG", "LOG_LEVEL", "LOGLEVEL", "ENV", "ENVIRONMENT",
)  # fmt: skip
SECRET_NAME = re.compile(r"KEY|SECRET|TOKEN|PASS|CREDENTIAL|AUTH|DSN|LICENSE|USER|HOST|EMAIL|URL", re.IGNORECASE)
PLAIN_VALUE = re.compile(r"[\w.,:=+-]{0,80}")
SWITCH_VALUE = re.compile(
    r"[0-9.]*|true|false|yes|no|on|off|debug|info|warning|error|critical|[a-z_]+\.settings", re.IGNORECASE
)
TIME_ZONE = re.compile(r":?[A-Za-z_]+(/[A-Za-z_+-]+){0,2}[0-9+-]*")
SYSTEM_PATHS = re.compile(r"((^|[: ])/(usr|lib|lib64|opt|etc)/[\w./+-]*)+")
HASH_DIGITS = 16

# Variables that slow down a server, or load other code into it.
DISTURBING = {
    "PYTHONASYNCIODEBUG": "asyncio checks and times every step",
    "PYTHONDEVMODE": "Python's development mode checks memory, warnings and asyncio",
    "PYTHONTRACEMALLOC": "Python keeps a traceback of each allocation",
    "PYTHONPROFILEIMPORTTIME": "Python times and logs its imports",
    "PYTHONMALLOCSTATS": "Python logs its allocator",
    "PYTHONMALLOC": "Python uses another allocator",
    "PYTHONDEBUG": "Python logs its parser",
    "PYTHONVERBOSE": "Python logs its imports",
    "PYTHONPERFSUPPORT": "Python leaves names of functions for perf at each call",
    "PYTHON_PERF_JIT_SUPPORT": "Python leaves names of functions for perf at each call",
    "LD_PRELOAD": "other libraries come before the system's",
    "LD_AUDIT": "a library watches each symbol that is bound",
    "LD_DEBUG": "the dynamic linker logs",
    "LD_PROFILE": "the dynamic linker counts calls",
    "MALLOC_CHECK_": "glibc checks each allocation",
    "MALLOC_PERTURB_": "glibc overwrites freed memory",
    "MALLOC_TRACE": "glibc logs each allocation",
    "COVERAGE_PROCESS_START": "coverage counts each line",
    "COVERAGE_PROCESS_CONFIG": "coverage counts each line",
    "COV_CORE_SOURCE": "coverage counts each line",
}
OFF_VALUES = ("", "0")
OFF_VALUES_OF = {"PYTHONMALLOC": ("", "default", "pymalloc")}

ServingFacts = dict[str, Any]


def python_facts() -> PythonFacts:
    """Return the facts about our interpreter, and all distributions in its environment, also those not required."""
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
    texts = {name: hide_home(_version_output(command)) for name, command in commands.items()}
    return {name: text if _NGINX_LABEL in text else text.partition("\n")[0] for name, text in texts.items()}


def hide_home(text: str) -> str:
    """Return `text` without the paths of home directories, which hold user names."""
    own = os.environ.get("HOME", "")
    homes = [re.escape(own) + r"\b"] if len(own) > 1 else []
    return re.sub("|".join([*homes, r"/home/[^/\s]+"]), "~", text)


def _version_output(command: Sequence[str]) -> str:
    """Return standard output and standard error; nginx writes to the latter."""
    command_line = " ".join(command)
    if len(command) == 1:
        return f"{command_line} has no option that prints a version."
    try:
        output = ask_program(tuple(command))
    except TimeoutError:
        return f"{command_line} did not answer within {PROBE_TIMEOUT_S} s."
    except OSError as error:
        return f"{command_line} could not be run: {error.strerror}."
    text = (output.out + output.err).strip() or "no output."
    return f"{command_line} failed with exit code {output.code}: {text[-200:]}" if output.code else text


def read_pyperf_system() -> dict[str, dict[str, list[str]]]:
    """Return the subjects of `pyperf system show`; empty where pyperf does not answer."""
    command = [sys.executable, *module_command("pyperf"), "system", "show"]
    try:
        return parse_pyperf_system(read_output(command, PYPERF_TIMEOUT_S).out)
    except OSError:
        return {}


def parse_pyperf_system(text: str) -> dict[str, dict[str, list[str]]]:
    """Return the texts on each subject, like "ASLR", by section, from lines `Subject: text` below the name of one."""
    subjects: dict[str, dict[str, list[str]]] = {}
    section = ""
    for line in text.splitlines():
        section = PYPERF_SECTIONS.get(line.strip(), section)
        name, colon, rest = line.partition(": ")
        if section and colon:
            subjects.setdefault(name.strip(), {}).setdefault(section, []).append(rest.strip())
    return subjects


def serving_facts(arms: Sequence[Arm], programs: Mapping[str, str]) -> list[ServingFacts]:
    """Return an entry for each combination of servers and application, with its arms. `programs`: `nginx -V` output."""
    groups: dict[tuple[str, ...], list[Arm]] = {}
    for arm in arms:
        settings = arm.settings
        if not settings.url:
            server = (settings.server, settings.command, settings.worker_class)
            key = (settings.nginx, settings.python, *server, settings.app, settings.app_dir)
            groups.setdefault(key, []).append(arm)
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


def _group_facts(arms: Sequence[Arm], programs: Mapping[str, str]) -> ServingFacts:
    settings = arms[0].settings
    names, nginx = [arm.name for arm in arms], parse_nginx_version(programs.get(settings.nginx, ""))
    if settings.command:
        return {"arms": names, "nginx": nginx, "application": _command_facts(settings)}
    answer = _interpreter_facts(settings)
    application = {name: answer[name] for name in APPLICATION_FACTS if answer.get(name) is not None}
    return {
        "arms": names,
        "nginx": nginx,
        "python": {name: fact for name, fact in answer.items() if name not in APPLICATION_FACTS},
        "application": {"app": settings.app, "directory": hide_home(settings.app_dir), **application},
    }


def _command_facts(settings: Settings) -> ServingFacts:
    """Return the command with its program, and the hash of the first file among its words, else of the program."""
    directory, program = app_directory(settings), Path(find_command_program(settings))
    arguments = (directory / word for word in command_words(settings.command)[1:])
    file = next((path for path in arguments if path.is_file()), program)
    return {
        "app": hide_home(settings.command),
        "directory": hide_home(str(directory)),
        "program": hide_home(str(program)),
        "file": hide_home(str(file.relative_to(directory) if file.is_relative_to(directory) else file)),
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }


def _interpreter_facts(settings: Settings) -> ServingFacts:
    """Return the interpreter's own facts, or {"problem": a sentence}."""
    try:
        python = find_app_python(settings)
    except HarnessError as error:
        return {"problem": hide_home(str(error))}
    finder = application_path.__file__ if hides_own_packages(settings) else ""
    return _run_interpreter(python, settings.app, str(app_directory(settings)), finder)


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


def environment_facts(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that change how servers behave: their values, or hashes of values that may be private."""
    names = sorted(name for name in environment if name.startswith((*SYSTEM_PREFIXES, *APPLICATION_PREFIXES)))
    return {name: _public_value(name, environment[name]) for name in names}


def disturbing_variables(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the name and the effect of each active variable that slows down servers or changes their code."""
    for name, effect in DISTURBING.items():
        if environment.get(name, "") not in OFF_VALUES_OF.get(name, OFF_VALUES):
            yield name, effect


def _public_value(name: str, value: str) -> str:
    """Return `value`, or its hash where it may name a person, a machine or a secret."""
    harmless = PLAIN_VALUE if name.startswith(SYSTEM_PREFIXES) else SWITCH_VALUE
    is_public = not SECRET_NAME.search(name) and (
        harmless.fullmatch(value) or (name == "TZ" and TIME_ZONE.fullmatch(value)) or SYSTEM_PATHS.fullmatch(value)
    )
    digest = hashlib.sha256(value.encode(errors="surrogateescape")).hexdigest()
    return value if is_public else f"sha256:{digest[:HASH_DIGITS]}"
