"""The command and its terminal: how this process was called, what every encoding can show, and how it ends."""

import codecs
import io
import os
import re
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

import click

from harness.errors import ConfigError, HarnessError, Interrupted, MachineError
from harness.store.store import Store

PROGRAM = "barehop"
ERROR_HANDLER = "barehop"
ASCII_CODEC = "barehop_ascii"
ASCII_REPLACEMENTS = str.maketrans(
    {
        "±": "+/-",
        "\N{MULTIPLICATION SIGN}": "x",
        "\N{MICRO SIGN}": "u",
        "\N{GREEK SMALL LETTER MU}": "u",
        "\N{EN DASH}": "-",
        "\N{EM DASH}": "-",
        "\N{MINUS SIGN}": "-",
        "…": "...",
        "\N{LEFT SINGLE QUOTATION MARK}": "'",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{LEFT DOUBLE QUOTATION MARK}": "'",  # a double quote would end a text in JSON
        "\N{RIGHT DOUBLE QUOTATION MARK}": "'",
        "·": ".",
        "→": "->",
        "≤": "<=",
        "≥": ">=",
        "\N{NO-BREAK SPACE}": " ",
        **dict.fromkeys("─━═╴╶╸╺", "-"),
        **dict.fromkeys("│┃║", "|"),
        **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╯╰", "+"),
        **dict.fromkeys("█▉▊▋▌▍▎▏■●", "#"),
    }
)
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
IGNORE_REPEATS_S = 5.0
RAISE_AGAIN_S = 0.01
LONG_TEXT = re.compile(r"""(["'])(?:(?!\1)[^\n]){250,}\1|\S{500,}""")  # text from the user, which a message repeats
SHOWN_END_LENGTH = 60
INTERRUPTED = "Interrupted. Nothing is left running; finished sessions, if there are any, are kept."


def invocation() -> str:
    """Return the command as the user typed it, without arguments, quoted for a shell."""
    return shlex.join(invocation_words(sys.argv[0], sys.orig_argv[0], program_on_path(sys.orig_argv)))


def program_on_path(words: Sequence[str]) -> str | None:
    """Return the path that the user's shell runs for the bare name; None if unknown.

    It is unknown if a script started us with --as: the script has changed PATH.
    """
    return None if "--as" in words[:4] else shutil.which(PROGRAM)


def invocation_words(called: str, interpreter: str, on_path: str | None) -> tuple[str, ...]:
    """Return the words of the command; `called` is argv[0], `on_path` the path that a shell runs for the name alone."""
    directory, name = os.path.split(called)
    if name == "__main__.py":
        return (interpreter, "-m", "harness")
    if name != PROGRAM or not directory or (on_path and os.path.realpath(on_path) == os.path.realpath(called)):
        return (PROGRAM,)
    return (called,)


def make_output_safe(environment: Mapping[str, str]) -> None:
    """Reconfigure stdout and stderr so that no character raises: use replacements, and ASCII in a C locale."""
    codecs.register_error(ERROR_HANDLER, _replacement)
    codecs.register(_find_ascii_codec)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            of_a_c_terminal = stream.isatty() and is_c_locale(environment)
            ascii_only = of_a_c_terminal or codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding=ASCII_CODEC if ascii_only else None, errors=ERROR_HANDLER)


def _find_ascii_codec(name: str) -> codecs.CodecInfo | None:
    """Return the codec of ASCII under another name: click writes UTF-8 to a stream that calls itself ASCII."""
    if name != ASCII_CODEC:
        return None
    plain = codecs.lookup("ascii")
    return codecs.CodecInfo(plain.encode, plain.decode, incrementalencoder=plain.incrementalencoder, name=ASCII_CODEC)


def is_c_locale(environment: Mapping[str, str]) -> bool:
    """Return whether the user asked for the C locale; an unset locale counts as UTF-8."""
    locales = (environment.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    return next(filter(None, locales), "") in ("C", "POSIX")


def is_color_terminal(environment: Mapping[str, str]) -> bool:
    """Return whether standard output is a terminal that shows colors, and NO_COLOR is not set."""
    wanted = not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
    return wanted and sys.stdout is not None and sys.stdout.isatty()


def _replacement(error: UnicodeError) -> tuple[str | bytes, int]:
    """Return the replacement of unencodable text: the raw bytes of a file name, else similar ASCII or a JSON escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    if all("\udc80" <= letter <= "\udcff" for letter in missing):
        return os.fsencode(missing), error.end
    return "".join(map(_to_ascii, missing)), error.end


def _to_ascii(letter: str) -> str:
    plain = letter.translate(ASCII_REPLACEMENTS)
    if plain.isascii():
        return plain
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def run_command(command: click.Command, name: str, interrupted: str = INTERRUPTED) -> NoReturn:
    """Run `command` under `name`, then exit: print one sentence and use its exit code for every kind of failure."""
    make_output_safe(os.environ)
    try:
        with raise_on_signals():
            command(prog_name=name, standalone_mode=False)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.ClickException as problem:
        _exit_with(usage_message(problem), ConfigError.exit_code)
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


def usage_message(problem: click.ClickException) -> str:
    """Return the message of click in one line, with the command that shows the usage."""
    message = " ".join(problem.format_message().split())
    context = problem.ctx if isinstance(problem, click.UsageError) else None
    message = message if message.endswith((".", "?")) else f"{message}."
    return f"{message} See {context.command_path} --help." if context else message


@contextmanager
def raise_on_signals() -> Iterator[None]:
    """Raise Interrupted in the body on SIGINT, SIGTERM or SIGHUP, so that everything is restored and reported.

    A further signal within IGNORE_REPEATS_S is ignored, because the run is ending; after the body all are. Signals that
    are ignored when we start, as under nohup, stay ignored.
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
    """Raise an interrupt in the body again, with a message on what the run in `store` has saved."""
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
    plan = store.read_plan()
    link = f" --from {plan.served_from}" if plan.served_from else ""
    resume = f"Continue it  {invocation()} run --resume {directory}{link}"
    done, planned = len(store.session_numbers()), plan.schedule.sessions
    if not done:
        return f"Interrupted before the end of the first session: nothing is left running.\n{resume}"
    sentence = f"Interrupted after {done} of {planned} sessions. They are kept; nothing is left running."
    return f"{sentence}\n{resume}\nReport it    {invocation()} report {directory}"
