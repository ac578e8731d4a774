"""Check a table against its pydantic model and describe the problems in English."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from harness.experiment.wording import Place, Problem, did_you_mean, guess
from harness.model import CpuLists

M = TypeVar("M", bound=BaseModel)
Table = dict[str, Any]
Fault = Mapping[str, Any]  # an error in pydantic's form: loc, type, input and perhaps ctx

# The expected value, by pydantic's type of the error.
WANTED = {
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
WANTED_TEXT = {
    "rate": 'a number of requests per second, or a percentage of the capacity of the slowest arm, like "70%"',
    "name": 'made of letters, digits, ".", "_" and "-", and begin with a letter or a digit',
    "path": 'a path that begins with "/" and has no characters that a URL must escape, like "/bytes/100"',
}
NEVER_TEXT = {"true or false", "a whole number", "a number"}


def sound(model: type[M], table: Mapping[str, object]) -> M:
    """Return the model of the valid keys of `table`, with defaults for the invalid ones."""
    wrong = {problem.place[0] for problem in table_problems(model, table)}
    return model.model_validate({key: value for key, value in table.items() if key not in wrong})


def table_problems(model: type[BaseModel], table: Mapping[str, object]) -> Iterator[Problem]:
    """Yield the problems of `table`, one for each key path; of nested problems only the innermost."""
    faults: dict[Place, list[Fault]] = {}
    for fault in _faults(model, table):
        faults.setdefault(_place(fault["loc"]), []).append(fault)
    faults |= {fault["loc"]: [fault] for fault in _loose_numbers(model, table)}
    for place in faults:
        if not any(other[: len(place)] == place for other in faults if other != place):
            yield _problem(place, faults[place], model)


def _faults(model: type[BaseModel], table: Mapping[str, object]) -> Sequence[Fault]:
    try:
        model.model_validate(table)
    except ValidationError as error:
        return error.errors()
    return ()


def _loose_numbers(model: type[BaseModel], table: Mapping[str, object]) -> Iterator[Fault]:
    """Yield values that pydantic accepts as a float but are no amount: true, "60", inf."""
    for key, value in table.items():
        if key not in model.model_fields or not _takes_float(model.model_fields[key].annotation):
            continue
        if isinstance(value, bool) or (isinstance(value, str) and not _is_percentage(key, value)):
            yield {"loc": (key,), "type": "float_type", "input": value}
        elif isinstance(value, float) and not math.isfinite(value):
            yield {"loc": (key,), "type": "finite_number", "input": value}


def _takes_float(annotation: object) -> bool:
    return annotation is float or any(map(_takes_float, get_args(annotation)))


def _is_percentage(key: str, value: str) -> bool:
    """Return whether `value` is a well-formed percentage of the key `rate`."""
    return key == "rate" and re.fullmatch(r"[0-9]{1,3}(\.[0-9]+)?%", value) is not None


def _place(location: Place) -> Place:
    """Return the path of a fault, without pydantic's names for the members of a union."""
    match location:
        case ("knobs" | "rate" as key, name, *_):
            return ("knobs", name) if key == "knobs" else (key,)
        case ("placement" | "against" as key, _, *inside):
            return (key, *inside)
    return location


def _problem(place: Place, faults: Sequence[Fault], model: type[BaseModel]) -> Problem:
    value, last = faults[0]["input"], str(place[-1])
    kinds = {fault["type"] for fault in faults}
    if "extra_forbidden" in kinds:
        known = model.model_fields if len(place) == 1 else CpuLists.model_fields
        return Problem(place, value, f"there is no such key.{did_you_mean(last, known)}")
    if "missing" in kinds:
        return Problem(place[:-1], value, f"the key {last!r} is missing.")
    wanted = [WANTED_TEXT["rate"]] if place == ("rate",) else list(map(_wanted, faults))
    return Problem(place, value, f"must be {', or '.join(wanted)}{_remark(value, wanted)}")


def _wanted(fault: Fault) -> str:
    if fault["type"] == "string_pattern_mismatch":
        return WANTED_TEXT.get(fault["loc"][-1], "written differently")
    wanted = WANTED.get(fault["type"], "something else").format(**fault.get("ctx", {}))
    return wanted.replace("'", '"')


def _remark(value: object, wanted: Sequence[str]) -> str:
    """Return the end of the sentence, with a hint for a common mistake."""
    if isinstance(value, str) and NEVER_TEXT.intersection(wanted):
        return ", not text."
    if isinstance(value, str):
        choices = re.findall(r'"([a-z]+)"', " ".join(wanted))
        return f".{guess(value, choices)}"
    if isinstance(value, dict) and "a table" not in wanted:
        return '. Put a name with dots in quotes, like "net.ipv4.tcp_sack".'
    return "."
