"""Make every text printable: characters that the output encoding lacks are replaced by readable ones."""

import codecs
import io
import os
import sys
from collections.abc import Mapping

HANDLER = "barehop"
ASCII = "barehop_ascii"
PLAIN = str.maketrans(
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


def make_output_safe(environment: Mapping[str, str]) -> None:
    """Reconfigure stdout and stderr so that no character raises: use replacements, and ASCII in a C locale."""
    codecs.register_error(HANDLER, _replacement)
    codecs.register(_own_ascii)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            of_a_c_terminal = stream.isatty() and in_c_locale(environment)
            ascii_only = of_a_c_terminal or codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding=ASCII if ascii_only else None, errors=HANDLER)


def _own_ascii(name: str) -> codecs.CodecInfo | None:
    """Return the codec of ASCII under another name: click writes UTF-8 to a stream that calls itself ASCII."""
    if name != ASCII:
        return None
    plain = codecs.lookup("ascii")
    return codecs.CodecInfo(plain.encode, plain.decode, incrementalencoder=plain.incrementalencoder, name=ASCII)


def in_c_locale(environment: Mapping[str, str]) -> bool:
    """Return whether the user asked for the C locale; an unset locale counts as UTF-8."""
    locales = (environment.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    return next(filter(None, locales), "") in ("C", "POSIX")


def shows_color(environment: Mapping[str, str]) -> bool:
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
    return "".join(map(_plain, missing)), error.end


def _plain(letter: str) -> str:
    plain = letter.translate(PLAIN)
    if plain.isascii():
        return plain
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
