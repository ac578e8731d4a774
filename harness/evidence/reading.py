"""Reads the files of a results directory, of which anything may have become anything."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, RootModel, ValidationError

from harness.errors import ConfigError
from harness.regular_file import read_regular

MOST_BYTES = 4 * 2**30
SHOWN_CHARACTERS = 60
HUGE = 1e24  # more than any counter holds, and small enough to be squared

T = TypeVar("T", bound=BaseModel)


def read_file(path: Path) -> bytes:
    """Return the content of `path`. Raises ConfigError."""
    return read_regular(path, MOST_BYTES, "Put back the file that barehop wrote.")


def read_model(path: Path, model: type[T], unknown_keys: Literal["ignore", "forbid"] = "ignore") -> T:
    """Return the JSON in `path` as a `model`. Raises ConfigError that names the first key that is wrong.

    Another version may have written keys that this one does not know: within a format keys are only added.
    """
    content = read_file(path)
    try:
        return model.model_validate_json(content, extra=unknown_keys)
    except ValidationError as error:
        raise _foreign(path, error) from None


def read_facts(path: Path, shape: type[BaseModel] | None = None) -> dict[str, Any]:
    """Return the JSON object in `path`, of the `shape` that reports rely on. Raises ConfigError."""
    facts = read_model(path, RootModel[dict[str, Any]]).root
    try:
        if shape is not None:
            shape.model_validate(facts)
    except ValidationError as error:
        raise _foreign(path, error) from None
    check_numbers(path, facts)
    return facts


def check_numbers(path: Path, value: object) -> None:
    """Raise ConfigError where a number in `value`, the content of `path`, is so large that nothing can be counted."""
    if any(True for _ in _huge_numbers(value)):
        raise ConfigError(
            f"{path} is not what barehop wrote: a number in it is beyond {HUGE:g} or not a number. "
            "Put back the file that barehop wrote."
        )


def is_huge(number: float) -> bool:
    return not abs(number) <= HUGE


def _huge_numbers(value: object) -> Iterator[float]:
    if isinstance(value, Mapping):
        yield from _huge_numbers(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _huge_numbers(part)
    elif isinstance(value, int | float) and is_huge(value):
        yield value


def _foreign(path: Path, error: ValidationError) -> ConfigError:
    first = error.errors(include_url=False)[0]
    where = ".".join(map(_shown, first["loc"])) or "the whole"
    return ConfigError(f"{path} is not what barehop wrote: {where}: {_shown(first['msg'])}.")


def _shown(text: object) -> str:
    """A key or a message on one line, however long or odd it is."""
    printable = "".join(letter if letter.isprintable() else "?" for letter in str(text))
    return printable if len(printable) <= 3 * SHOWN_CHARACTERS else f"{printable[:SHOWN_CHARACTERS]} ..."
