"""Says which programs and which Python distributions took part."""

import os
import platform
import re
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

import harness
from harness.lab.output import read_output

ANSWER_S = 10.0

_FLAGS = {"nginx": "-V", "ab": "-V"}
_OF_NGINX = "nginx version:"  # under whatever name it is called


def python_facts() -> dict[str, Any]:
    """Our interpreter, and every distribution in its environment.

    All of them, not the required ones only: uvloop or httptools change what is measured by being there.
    """
    found = [dist.metadata for dist in metadata.distributions()]
    return {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "compiler": platform.python_compiler(),
        "libc": " ".join(platform.libc_ver()),
        "barehop": harness.__version__,
        "distributions": dict(sorted((one["Name"], one["Version"]) for one in found if "Name" in one)),
    }


def program_versions(programs: Mapping[str, str | Sequence[str]]) -> dict[str, str]:
    """Name -> what the program says of its version: its first line, all of it for an nginx.

    A program is a path, or the whole command that asks for the version. One that is missing or fails gets
    a sentence instead.
    """
    return {name: _version(name, program) for name, program in programs.items()}


def _version(name: str, program: str | Sequence[str]) -> str:
    if not isinstance(program, str) and len(program) == 1:
        return f"{program[0]} tells no version."
    whole = [program, _FLAGS.get(name, "--version")] if isinstance(program, str) else list(program)
    text = without_home(_answer(whole))
    return text if _OF_NGINX in text else text.partition("\n")[0]


def without_home(text: str) -> str:
    """`text` without the paths of home directories, which are users' names."""
    own = os.environ.get("HOME", "")
    homes = [re.escape(own) + r"\b"] if len(own) > 1 else []
    return re.sub("|".join([*homes, r"/home/[^/\s]+"]), "~", text)


def _answer(command: Sequence[str]) -> str:
    """nginx answers on standard error, the others on standard output."""
    asked = " ".join(command)
    try:
        printed = read_output(command, ANSWER_S)
    except TimeoutError:
        return f"{asked} did not answer within {ANSWER_S:.0f} s."
    except OSError as error:
        return f"{asked} could not be run: {error.strerror}."
    text = (printed.out + printed.err).strip() or "nothing was said."
    return f"{asked} failed with exit code {printed.code}: {text[-200:]}" if printed.code else text
