"""The errors that end a run early: one class per exit code.

A message has full sentences: what happened, with the value observed, then what to do.
"""

from collections.abc import Iterable


class HarnessError(Exception):
    """Base class of all errors with a message for the user."""

    exit_code = 1


class ConfigError(HarnessError):
    """The experiment or the command line is wrong; nothing was started."""

    exit_code = 2


class MachineError(HarnessError):
    """The machine lacks a program, a right or a resource."""

    exit_code = 3


class StackError(HarnessError):
    """A server did not start, answered wrongly, or ended early."""

    exit_code = 4


class LoadError(HarnessError):
    """A load tool or a service failed."""

    exit_code = 5


class UndecidedError(HarnessError):
    """The gate is undecided, and the user asked for the exit code by which `git bisect run` skips a commit."""

    exit_code = 125


class Interrupted(BaseException):
    """An interrupt by a signal; like KeyboardInterrupt, no `except Exception` catches it."""

    exit_code = 130


def raise_if_any(problems: Iterable[str], error: type[HarnessError]) -> None:
    """Raise one `error` that lists all `problems`, if there are any."""
    if message := "\n".join(problems):
        raise error(message)
