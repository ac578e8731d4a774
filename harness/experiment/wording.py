"""Describe a problem of an experiment file: its place, the value found, and what to write instead."""

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
    """A problem at one place of the file; `text` is the end of the sentence."""

    place: Place
    value: object
    text: str

    def __str__(self) -> str:
        return f"{written(self.place)} = {shortened(shown(self.value))}: {self.text}"


def written(place: Place) -> str:
    """Return `place` in TOML's notation, with indexes of lists: `arm.knobs."a.b"`, `factors.workers[1]`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{_key(part)}" for part in place)
    return "".join(parts).removeprefix(".")


def shown(value: object) -> str:
    """Return `value` as TOML on one line."""
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
    """Return `text` as a quoted TOML string, with escapes for invisible characters."""
    return "".join(map(_visible, json.dumps(text, ensure_ascii=False)))


def shortened(text: str) -> str:
    """Return `text` cut to a length that fits into a message."""
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 4]} ..."


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint: the known word that is most similar, or else all known words."""
    choices = list(known)
    return guess(word, choices) or f" Choose from: {', '.join(choices)}."


def guess(word: str, choices: Iterable[str]) -> str:
    """Return a hint with the choice most similar to `word`; "" if there is none."""
    near = difflib.get_close_matches(word, list(choices), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _key(text: str) -> str:
    return shortened(text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else quoted(text))


def _visible(letter: str) -> str:
    """Return `letter`, or its JSON escape if it is invisible; this includes lone surrogates."""
    return letter if letter.isprintable() else json.dumps(letter)[1:-1]
