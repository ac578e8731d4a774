"""How this process was called, so that the commands that it prints work in the same shell as they stand."""

import os
import shlex
import shutil
import sys
from collections.abc import Sequence

NAME = "barehop"


def command() -> str:
    """Return the words before the first argument, quoted for a shell: `barehop`, or as they were typed."""
    return shlex.join(command_words(sys.argv[0], sys.orig_argv[0], name_on_path(sys.orig_argv)))


def name_on_path(words: Sequence[str]) -> str | None:
    """Return what the user's shell runs for the bare name, or None where a script named how it was called.

    Such a script has put our programs on PATH, so PATH is not that of the user's shell.
    """
    return None if "--as" in words[:4] else shutil.which(NAME)


def command_words(called: str, interpreter: str, on_path: str | None) -> tuple[str, ...]:
    """`called` is the program's name or path, `on_path` what a shell runs for the bare name."""
    directory, name = os.path.split(called)
    if name == "__main__.py":
        return (interpreter, "-m", "harness")
    if name != NAME or not directory or (on_path and os.path.realpath(on_path) == os.path.realpath(called)):
        return (NAME,)
    return (called,)
