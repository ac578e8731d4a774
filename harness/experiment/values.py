"""What no value of an experiment file can be: a number beyond 64 bits, text that a terminal would not show as it is."""

from collections.abc import Iterator, Mapping
from unicodedata import category

from harness.experiment.wording import Place, Problem

LARGEST = 2**63  # TOML's integers have 64 bits
IN_SENTENCES = "\t\n"  # what the text of a question may have
BETWEEN_NUMBERS = "\t"  # as the kernel itself writes values of several numbers


def value_problems(value: object, place: Place = ()) -> Iterator[Problem]:
    """Yield what is wrong with `value` at `place`, or inside it, whatever it is for."""
    match value:
        case Mapping():
            for key, inside in value.items():
                yield from value_problems(inside, (*place, key))
        case list() | tuple():
            for index, inside in enumerate(value):
                yield from value_problems(inside, (*place, index))
        case int() if not -LARGEST <= value < LARGEST:
            yield Problem(place, value, "a whole number has 64 bits at most. Write a smaller one.")
        case str() if hidden := _hidden(value, place):
            code = f"U+{ord(hidden):04X}"
            yield Problem(place, value, f"has {code}, which a terminal does not show. Leave it out.")


def _hidden(text: str, place: Place) -> str:
    """Return the first control character, or mark of direction, that does not belong there; "" where there is none."""
    of_knobs = any("knobs" in str(part) for part in place)
    allowed = IN_SENTENCES if place == ("question",) else BETWEEN_NUMBERS if of_knobs else ""
    return next((letter for letter in text if not _is_shown(letter) and letter not in allowed), "")


def _is_shown(letter: str) -> bool:
    """Blanks beyond ASCII are shown, though Python does not call them printable."""
    return letter.isprintable() or category(letter) == "Zs"
