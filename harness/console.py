"""The terminal: how this process was called, and output that every encoding can show."""

import codecs
import io
import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence

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


def invocation() -> str:
    """Return the command as the user typed it, without arguments, quoted for a shell."""
    return shlex.join(invocation_words(sys.argv[0], sys.orig_argv[0], program_on_path(sys.orig_argv)))


def program_on_path(words: Sequence[str]) -> str | None:
    """Return the path that the user's shell runs for the bare name; None if unknown.

    It is unknown if a script started us with --as: the script has changed PATH.
    """
    return None if "--as" in words[:4] else shutil.which(PROGRAM)


def invocation_words(called: str, interpreter: str, on_path: str | None) -> tuple[str, ...]:
    """Return the words of the command: `called` is argv[0], `on_path` the path that a shell runs for the bare name."""
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
