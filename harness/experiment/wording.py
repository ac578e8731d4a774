"""Puts a problem of an experiment file into words: the place, the value seen, the way out."""

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Place = tuple[str | int, ...]

LONGEST_SHOWN = 80
LONGEST_INTEGER_BITS = 256


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at one place of the file; `text` ends the sentence and says what to write instead."""

    place: Place
    value: object
    text: str

    def __str__(self) -> str:
        return f"{written(self.place)} = {shortened(shown(self.value))}: {self.text}"


def written(place: Place) -> str:
    """A place as TOML writes it, with numbers for places in a list: `arm.knobs."a.b"`, `factors.workers[1]`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{_key(part)}" for part in place)
    return "".join(parts).removeprefix(".")


def shown(value: object) -> str:
    """A value as it would stand in the file."""
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(key)} = {shown(item)}" for key, item in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(shown, value))}]"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, int) and value.bit_length() > LONGEST_INTEGER_BITS:
        return f"a number of {value.bit_length()} bits"
    return json.dumps(value) if isinstance(value, bool) else str(value)


def quoted(text: str) -> str:
    """Return `text` in quotes as TOML has it, with escapes for all that a terminal would not show as it is."""
    return "".join(map(_visible, json.dumps(text, ensure_ascii=False)))


def shortened(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 4]} ..."


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A guess where one is near, otherwise all there is to choose from."""
    choices = list(known)
    return guess(word, choices) or f" Choose from: {', '.join(choices)}."


def guess(word: str, choices: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(choices), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _key(text: str) -> str:
    return shortened(text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else quoted(text))


def _visible(letter: str) -> str:
    """A lone surrogate, of bytes that are no text, is a code of its own in JSON."""
    return letter if letter.isprintable() else json.dumps(letter)[1:-1]
