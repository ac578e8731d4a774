"""Refuse values that no key of an experiment file can have: numbers beyond 64 bits, and control characters."""

from collections.abc import Iterator, Mapping
from unicodedata import category

from harness.experiment.wording import Place, Problem

LARGEST = 2**63  # TOML's integers have 64 bits
IN_TEXTS = "\t\r\n"  # allowed in a question and in the body of a request
BETWEEN_NUMBERS = "\t"  # the kernel separates several numbers of a value by tabs


def value_problems(value: object, place: Place = ()) -> Iterator[Problem]:
    """Yield the problems of `value` at `place` of the file, and of all values inside it."""
    match value:
        case Mapping():
            for key, inside in value.items():
                yield from value_problems(inside, (*place, key))
        case list() | tuple():
            for index, inside in enumerate(value):
                yield from value_problems(inside, (*place, index))
        case int() if not -LARGEST <= value < LARGEST:
            yield Problem(place, value, "a whole number has at most 64 bits. Write a smaller one.")
        case str() if hidden := _hidden(value, place):
            code = f"U+{ord(hidden):04X}"
            yield Problem(place, value, f"has {code}, an invisible character. Leave it out.")


def _hidden(text: str, place: Place) -> str:
    """Return the first invisible character that is not allowed at `place`, for example a control character, or ""."""
    of_knobs = any("knobs" in str(part) for part in place)
    of_lines = place == ("question",) or "body" in place
    allowed = IN_TEXTS if of_lines else BETWEEN_NUMBERS if of_knobs else ""
    return next((letter for letter in text if not _is_shown(letter) and letter not in allowed), "")


def _is_shown(letter: str) -> bool:
    """Return whether `letter` is visible; so are blanks beyond ASCII, which Python does not call printable."""
    return letter.isprintable() or category(letter) == "Zs"
