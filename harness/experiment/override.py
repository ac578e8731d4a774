"""Apply `--set KEY.PATH=VALUE` to the tables of an experiment file."""

import tomllib
from collections.abc import Iterable
from typing import Any

from harness.errors import ConfigError, raise_all
from harness.experiment.check import Table

Assignment = tuple[list[str], object]


def override(tables: Table, overrides: Iterable[str]) -> None:
    """Apply each KEY.PATH=VALUE to `tables`. Raises ConfigError with all that do not have this form."""
    assignments = {text: _assignment(text) for text in overrides}
    raise_all((_refusal(text) for text, assignment in assignments.items() if assignment is None), ConfigError)
    for keys, value in filter(None, assignments.values()):
        _put(tables, keys, value)


def _refusal(text: str) -> str:
    return (
        f"--set {text} is not of the form KEY.PATH=VALUE. Write it like --set design.budget_s=30; "
        'a key with dots or spaces needs quotes, like arm.knobs."net.ipv4.tcp_sack".'
    )


def _assignment(text: str) -> Assignment | None:
    key, equals, value = text.partition("=")
    try:
        return (_keys(key), _value(value.strip())) if equals else None
    except ValueError:
        return None


def _keys(text: str) -> list[str]:
    """Return the keys of a path, outermost first. Raises ValueError unless `text` is exactly one path."""
    keys: list[str] = []
    inside: Any = tomllib.loads(f"{text} = 0")
    while isinstance(inside, dict):
        [(key, inside)] = inside.items()
        keys.append(key)
    return keys


def _value(text: str) -> object:
    """Return `text` as a TOML value, or unchanged if it is none."""
    try:
        tables = tomllib.loads(f"value = {text}")
    except ValueError:
        return text
    return tables["value"] if len(tables) == 1 else text


def _put(table: Table, keys: list[str], value: object) -> None:
    *outer, last = keys
    for key in outer:
        if not isinstance(table.get(key), dict):
            table[key] = {}
        table = table[key]
    table[last] = value
