"""Describes the problems of an experiment file in words, all in one message, each with its place in the file."""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from harness.model import RoleCpuNumbers

M = TypeVar("M", bound=BaseModel)
TomlTable = dict[str, Any]
ValidationFault = Mapping[str, Any]  # an error in pydantic's form: loc, type, input and perhaps ctx

# The expected value, by pydantic's type of the error.
EXPECTED_VALUES = {
    "bool_type": "true or false",
    "dict_type": "a table",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "{ge:g} or more",
    "int_type": "a whole number",
    "less_than": "less than {lt:g}",
    "less_than_equal": "{le:g} or less",
    "list_type": "a list",
    "literal_error": "{expected}",
    "model_type": "a table of CPU lists, one for each role",
    "string_too_long": "at most {max_length} characters long",
    "string_too_short": "at least {min_length} character long",
    "string_type": "text in quotes",
    "too_short": "a list that is not empty",
    "tuple_type": "a list",
}
# The expected text, by its key, if it does not match its pattern.
EXPECTED_TEXTS = {
    "rate": 'a number of requests per second, or a percentage of the capacity of the slowest arm, like "70%"',
    "name": 'made of letters, digits, ".", "_" and "-", and begin with a letter or a digit',
    "path": 'a path that begins with "/" and has no characters that a URL must escape, like "/bytes/100"',
}
NON_TEXT_VALUES = {"true or false", "a whole number", "a number"}
KeyPath = tuple[str | int, ...]

MAX_SHOWN_LENGTH = 80
MAX_SHOWN_BITS = 256


def valid_subset(model: type[M], table: Mapping[str, object]) -> M:
    """Return the model of the valid keys of `table`, with defaults for the invalid ones."""
    wrong = {problem.place[0] for problem in table_problems(model, table)}
    return model.model_validate({key: value for key, value in table.items() if key not in wrong})


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """A problem at one place of the file; `text` is the end of the sentence."""

    place: KeyPath
    value: object
    text: str

    def __str__(self) -> str:
        return f"{path_text(self.place)} = {shorten(to_toml(self.value))}: {self.text}"


def table_problems(model: type[BaseModel], table: Mapping[str, object]) -> Iterator[ConfigProblem]:
    """Yield the problems of `table`, one for each key path; of nested problems only the innermost."""
    faults: dict[KeyPath, list[ValidationFault]] = {}
    try:
        model.model_validate(table)
    except ValidationError as error:
        for fault in error.errors():
            faults.setdefault(_key_path(fault["loc"]), []).append(fault)
    for place in faults:
        if not any(other[: len(place)] == place for other in faults if other != place):
            yield _make_problem(place, faults[place], model)


def _key_path(location: KeyPath) -> KeyPath:
    """Return the path of a fault, without pydantic's names for the members of a union."""
    match location:
        case ("knobs" | "rate" as key, name, *_):
            return ("knobs", name) if key == "knobs" else (key,)
        case ("placement" | "against" | "profile" as key, _, *inside):
            return (key, *inside)
    return location


def _make_problem(place: KeyPath, faults: Sequence[ValidationFault], model: type[BaseModel]) -> ConfigProblem:
    value, last = faults[0]["input"], str(place[-1])
    kinds = {fault["type"] for fault in faults}
    if "extra_forbidden" in kinds:
        known = model.model_fields if len(place) == 1 else RoleCpuNumbers.model_fields
        return ConfigProblem(place, value, f"there is no such key.{did_you_mean(last, known)}")
    if "missing" in kinds:
        return ConfigProblem(place[:-1], value, f"the key {last!r} is missing.")
    wanted = [EXPECTED_TEXTS["rate"]] if place == ("rate",) else list(map(_expected_value, faults))
    return ConfigProblem(place, value, f"must be {', or '.join(wanted)}{_sentence_end(value, wanted)}")


def _expected_value(fault: ValidationFault) -> str:
    if fault["type"] == "string_pattern_mismatch":
        return EXPECTED_TEXTS.get(fault["loc"][-1], "written differently")
    wanted = EXPECTED_VALUES.get(fault["type"], "something else").format(**fault.get("ctx", {}))
    return wanted.replace("'", '"')


def _sentence_end(value: object, wanted: Sequence[str]) -> str:
    """Return the end of the sentence, with a hint for a common mistake."""
    if isinstance(value, str) and NON_TEXT_VALUES.issuperset(wanted):
        return ", not text."
    if isinstance(value, str):
        choices = re.findall(r'"([a-z]+)"', " ".join(wanted))
        return f".{suggest(value, choices)}"
    if isinstance(value, dict) and "a table" not in wanted:
        return '. Put a name with dots in quotes, like "net.ipv4.tcp_sack".'
    return "."


def path_text(place: KeyPath) -> str:
    """Return `place` in TOML's notation, with indexes of lists: `arm.knobs."a.b"`, `factors.workers[1]`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{_key_text(part)}" for part in place)
    return "".join(parts).removeprefix(".")


def to_toml(value: object) -> str:
    """Return `value` as TOML on one line."""
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key_text(key)} = {to_toml(item)}" for key, item in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(to_toml, value))}]"
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, int) and value.bit_length() > MAX_SHOWN_BITS:
        return f"a number of {value.bit_length()} bits"
    return json.dumps(value) if isinstance(value, bool) else str(value)


def quote(text: str) -> str:
    """Return `text` as a quoted TOML string, with escapes for invisible characters."""
    return "".join(map(_escape, json.dumps(text, ensure_ascii=False)))


def shorten(text: str) -> str:
    """Return `text` cut to a length that fits into a message."""
    return text if len(text) <= MAX_SHOWN_LENGTH else f"{text[: MAX_SHOWN_LENGTH - 4]} ..."


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint: the known word that is most similar, or else all known words."""
    choices = list(known)
    return suggest(word, choices) or f" Choose from: {', '.join(choices)}."


def suggest(word: str, choices: Iterable[str]) -> str:
    """Return a hint with the choice most similar to `word`; "" if there is none."""
    near = difflib.get_close_matches(word, list(choices), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _key_text(text: str) -> str:
    return shorten(text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else quote(text))


def _escape(letter: str) -> str:
    """Return `letter`, or its JSON escape if it is invisible; this includes lone surrogates."""
    return letter if letter.isprintable() else json.dumps(letter)[1:-1]
