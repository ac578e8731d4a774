"""Reads the versions of programs and of Python distributions."""

import os
import platform
import re
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

import harness
from harness.lab.output import read_output

VERSION_TIMEOUT_S = 10.0

_VERSION_OPTIONS = {"nginx": "-V", "ab": "-V"}
_NGINX_LABEL = "nginx version:"  # under whatever name nginx is called


def python_facts() -> dict[str, Any]:
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


def program_versions(programs: Mapping[str, str | Sequence[str]]) -> dict[str, str]:
    """Return the version output of programs by name: the first line, all of it for nginx.

    A program is a path, or the command that prints the version. For a missing or failing program, the value is a
    sentence.
    """
    return {name: _version(name, program) for name, program in programs.items()}


def _version(name: str, program: str | Sequence[str]) -> str:
    if not isinstance(program, str) and len(program) == 1:
        return f"{program[0]} has no option that prints a version."
    command = [program, _VERSION_OPTIONS.get(name, "--version")] if isinstance(program, str) else list(program)
    text = without_home(_version_output(command))
    return text if _NGINX_LABEL in text else text.partition("\n")[0]


def without_home(text: str) -> str:
    """Return `text` without the paths of home directories, which hold user names."""
    own = os.environ.get("HOME", "")
    homes = [re.escape(own) + r"\b"] if len(own) > 1 else []
    return re.sub("|".join([*homes, r"/home/[^/\s]+"]), "~", text)


def _version_output(command: Sequence[str]) -> str:
    """Return standard output and standard error; nginx writes to the latter."""
    command_line = " ".join(command)
    try:
        output = read_output(command, VERSION_TIMEOUT_S)
    except TimeoutError:
        return f"{command_line} did not answer within {VERSION_TIMEOUT_S:.0f} s."
    except OSError as error:
        return f"{command_line} could not be run: {error.strerror}."
    text = (output.out + output.err).strip() or "no output."
    return f"{command_line} failed with exit code {output.code}: {text[-200:]}" if output.code else text
