"""Everything that ends a run early, one class for each exit code.

HarnessError            1   measured, but invalid or incomplete
  ConfigError           2   the experiment makes no sense; nothing was started
  MachineError          3   the machine lacks a program, a right, room or quiet
  StackError            4   a stack did not come up, did not answer right, or did not stay
  LoadError             5   a load tool failed or said what cannot be read
Interrupted           130   Ctrl-C or SIGTERM; what was measured is kept

A message is full sentences: what happened, with the value seen, then what to do.
"""

from collections.abc import Iterable


class HarnessError(Exception):
    exit_code = 1


class ConfigError(HarnessError):
    exit_code = 2


class MachineError(HarnessError):
    exit_code = 3


class StackError(HarnessError):
    exit_code = 4


class LoadError(HarnessError):
    exit_code = 5


class Interrupted(BaseException):
    """Like KeyboardInterrupt, so that no handler of errors swallows it."""

    exit_code = 130


def raise_all(problems: Iterable[str], error: type[HarnessError]) -> None:
    """Raise one `error` that says all `problems`, or return when there is none."""
    found = list(problems)
    if found:
        raise error("\n".join(found))
