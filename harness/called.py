"""Tell how this process was called, so that printed commands can be pasted into the same shell."""

import os
import shlex
import shutil
import sys
from collections.abc import Sequence

NAME = "barehop"


def command() -> str:
    """Return the command as the user typed it, without arguments, quoted for a shell."""
    return shlex.join(command_words(sys.argv[0], sys.orig_argv[0], name_on_path(sys.orig_argv)))


def name_on_path(words: Sequence[str]) -> str | None:
    """Return the path that the user's shell runs for the bare name; None if unknown.

    It is unknown if a script started us with --as: the script has changed PATH.
    """
    return None if "--as" in words[:4] else shutil.which(NAME)


def command_words(called: str, interpreter: str, on_path: str | None) -> tuple[str, ...]:
    """Return the words of the command: `called` is argv[0], `on_path` the path that a shell runs for the bare name."""
    directory, name = os.path.split(called)
    if name == "__main__.py":
        return (interpreter, "-m", "harness")
    if name != NAME or not directory or (on_path and os.path.realpath(on_path) == os.path.realpath(called)):
        return (NAME,)
    return (called,)
