"""End a command with one sentence and an exit code, also after a signal or an operating system error."""

import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

import click

from harness.errors import ConfigError, HarnessError, Interrupted, MachineError
from harness.output import make_output_safe

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
DEAF_S = 5.0
AGAIN_S = 0.01
LONG_TEXT = re.compile(r"""(["'])(?:(?!\1)[^\n]){250,}\1|\S{500,}""")  # text from the user, which a message repeats
SHOWN_AT_EITHER_END = 60
KEPT = "Interrupted. Nothing is left running; finished sessions, if there are any, are kept."


def enter(command: click.Command, name: str, interrupted: str = KEPT) -> NoReturn:
    """Run `command` under `name`, then exit: print one sentence and use its exit code for every kind of failure."""
    make_output_safe(os.environ)
    try:
        with interruptible():
            command(prog_name=name, standalone_mode=False)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.ClickException as problem:
        problem.show()
        sys.exit(ConfigError.exit_code)
    except HarnessError as problem:
        _end(str(problem), problem.exit_code)
    except (click.Abort, KeyboardInterrupt, Interrupted) as ended:
        _end(str(ended) or interrupted, Interrupted.exit_code)
    except BrokenPipeError:
        abandon_output()
        sys.exit(HarnessError.exit_code)
    except OSError as error:
        abandon_output()
        _end(str(refusal(error)), MachineError.exit_code)
    sys.exit(0)


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise Interrupted in the body on SIGINT, SIGTERM or SIGHUP, so that everything is restored and reported.

    Another signal within DEAF_S is ignored, because the run is ending; after the body all are. Signals that are ignored
    when we start, as under nohup, stay ignored.
    """
    heeded = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    deaf_until_s = 0.0

    def interrupt(number: int, _frame: FrameType | None) -> None:
        nonlocal deaf_until_s
        if number == signal.SIGALRM or time.monotonic() > deaf_until_s:
            deaf_until_s = time.monotonic() + DEAF_S
            raise Interrupted

    sys.unraisablehook = _try_again
    for number in (*heeded, signal.SIGALRM):
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in (*heeded, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)


def _end(sentence: str, exit_code: int) -> NoReturn:
    with suppress(OSError):  # where standard error is closed, the exit code has to do
        click.echo(LONG_TEXT.sub(_cut, sentence), err=True)
    sys.exit(exit_code)


def _cut(text: re.Match[str]) -> str:
    return f"{text[0][:SHOWN_AT_EITHER_END]} ... {text[0][-SHOWN_AT_EITHER_END:]}"


def _try_again(lost: "sys.UnraisableHookArgs") -> None:
    """Raise Interrupted again in a moment: Python drops an exception that is raised while an object is freed."""
    if lost.exc_type is Interrupted:
        signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
    else:
        sys.__unraisablehook__(lost)


def load_polars() -> None:
    """Import polars, and take SIGINT back: polars installs its own handler on import."""
    import polars  # noqa: F401

    signal.signal(signal.SIGINT, signal.getsignal(signal.SIGINT))


def refusal(error: OSError) -> MachineError:
    """Return the error for an OSError without a better message: a full disk, too many open files, ..."""
    what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
    return MachineError(f"The operating system reports: {what}. Fix that and try again; finished sessions are kept.")


def abandon_output() -> None:
    """Discard unwritten output: Python would try to write it at exit, and complain."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
