"""How a command ends: exit codes, signals, and what an interrupted run has left."""

import os
import re
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

import click

from harness.console import invocation, make_output_safe
from harness.errors import ConfigError, HarnessError, Interrupted, MachineError
from harness.store.store import Store

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
IGNORE_REPEATS_S = 5.0
RAISE_AGAIN_S = 0.01
LONG_TEXT = re.compile(r"""(["'])(?:(?!\1)[^\n]){250,}\1|\S{500,}""")  # text from the user, which a message repeats
SHOWN_END_LENGTH = 60
INTERRUPTED = "Interrupted. Nothing is left running; finished sessions, if there are any, are kept."


def run_command(command: click.Command, name: str, interrupted: str = INTERRUPTED) -> NoReturn:
    """Run `command` under `name`, then exit: print one sentence and use its exit code for every kind of failure."""
    make_output_safe(os.environ)
    try:
        with raise_on_signals():
            command(prog_name=name, standalone_mode=False)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.ClickException as problem:
        problem.show()
        sys.exit(ConfigError.exit_code)
    except HarnessError as problem:
        _exit_with(str(problem), problem.exit_code)
    except (click.Abort, KeyboardInterrupt, Interrupted) as ended:
        _exit_with(str(ended) or interrupted, Interrupted.exit_code)
    except BrokenPipeError:
        discard_output()
        sys.exit(HarnessError.exit_code)
    except OSError as error:
        discard_output()
        _exit_with(str(machine_error(error)), MachineError.exit_code)
    sys.exit(0)


@contextmanager
def raise_on_signals() -> Iterator[None]:
    """Raise Interrupted in the body on SIGINT, SIGTERM or SIGHUP, so that everything is restored and reported.

    Another signal within DEAF_S is ignored, because the run is ending; after the body all are. Signals that are ignored
    when we start, as under nohup, stay ignored.
    """
    heeded = [number for number in ENDING_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    deaf_until_s = 0.0

    def interrupt(number: int, _frame: FrameType | None) -> None:
        nonlocal deaf_until_s
        if number == signal.SIGALRM or time.monotonic() > deaf_until_s:
            deaf_until_s = time.monotonic() + IGNORE_REPEATS_S
            raise Interrupted

    sys.unraisablehook = _raise_again
    for number in (*heeded, signal.SIGALRM):
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in (*heeded, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)


def _exit_with(sentence: str, exit_code: int) -> NoReturn:
    with suppress(OSError):  # where standard error is closed, the exit code has to do
        click.echo(LONG_TEXT.sub(_shorten, sentence), err=True)
    sys.exit(exit_code)


def _shorten(text: re.Match[str]) -> str:
    return f"{text[0][:SHOWN_END_LENGTH]} ... {text[0][-SHOWN_END_LENGTH:]}"


def _raise_again(lost: "sys.UnraisableHookArgs") -> None:
    """Raise Interrupted again in a moment: Python drops an exception that is raised while an object is freed."""
    if lost.exc_type is Interrupted:
        signal.setitimer(signal.ITIMER_REAL, RAISE_AGAIN_S)
    else:
        sys.__unraisablehook__(lost)


def load_polars() -> None:
    """Import polars, and take SIGINT back: polars installs its own handler on import."""
    import polars  # noqa: F401

    signal.signal(signal.SIGINT, signal.getsignal(signal.SIGINT))


def machine_error(error: OSError) -> MachineError:
    """Return the error for an OSError without a better message: a full disk, too many open files, ..."""
    what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
    return MachineError(f"The operating system reports: {what}. Fix that and try again; finished sessions are kept.")


def discard_output() -> None:
    """Discard unwritten output: Python would try to write it at exit, and complain."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def explain_interrupt(store: Store) -> Iterator[None]:
    """Turn an interrupt in the body into one that describes what the run in `store` has saved."""
    try:
        yield
    except (KeyboardInterrupt, Interrupted):
        raise Interrupted(interrupt_text(store)) from None


def interrupt_text(store: Store) -> str:
    """Return a sentence on the saved sessions, and a line for each command to continue."""
    directory = shlex.quote(str(store.directory.absolute()))
    if not (store.directory / "plan.json").exists():
        return (
            "Interrupted before the first session: nothing was measured, and nothing is left running.\n"
            f"{store.directory} has no results and can be deleted."
        )
    resume = f"Continue it  {invocation()} run --resume {directory}"
    done, planned = len(store.session_numbers()), store.read_plan().schedule.sessions
    if not done:
        return f"Interrupted before the end of the first session: nothing is left running.\n{resume}"
    sentence = f"Interrupted after {done} of {planned} sessions. They are kept; nothing is left running."
    return f"{sentence}\n{resume}\nReport it    {invocation()} report {directory}"
