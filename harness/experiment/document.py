"""Reads an experiment file into plain tables, with `--set` applied; every problem is a sentence."""

import difflib
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import ConfigError
from harness.model import Design, Settings

Table = dict[str, Any]


class Document(BaseModel):
    """The tables of a file, whose contents `problems_of` has not seen yet."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)
    question: str = ""
    arm: Table = {}
    arms: dict[str, Table] = {}
    factors: dict[str, list[Any]] = {}
    design: Table = {}


def read_document(path: Path, overrides: Iterable[str]) -> Document:
    """The file at `path` with each KEY.PATH=VALUE of `overrides` on top, or a ConfigError with every problem."""
    tables = _parsed(path)
    for override in overrides:
        _merge(tables, _override_table(override))
    tables.setdefault("name", path.stem)
    try:
        document = Document.model_validate(tables)
    except ValidationError as error:
        raise ConfigError("\n".join(sentences(error, tuple(Document.model_fields)))) from None
    problems = list(problems_of(document))
    if problems:
        raise ConfigError("\n".join(problems))
    return document


def problems_of(document: Document) -> Iterator[str]:
    """What is wrong in each table by itself: unknown keys, wrong types, values out of range."""
    yield from table_problems(Settings, document.arm, "arm")
    for name, table in document.arms.items():
        yield from table_problems(Settings, table, f"arms.{name}")
    for key, levels in document.factors.items():
        if not levels:
            yield f"factors.{key} = []: a factor needs at least one level."
        for level in levels:
            yield from table_problems(Settings, setting_table(key, level), "factors")
    yield from table_problems(Design, document.design, "design")


def setting_table(key: str, value: object) -> Table:
    """One setting as a table: `knobs.net.ipv4.tcp_sack` is a key of the table `knobs`."""
    first, _, rest = key.partition(".")
    return {first: {rest: value}} if rest else {first: value}


def table_problems(model: type[BaseModel], table: Mapping[str, object], prefix: str) -> Iterator[str]:
    try:
        model.model_validate(table)
    except ValidationError as error:
        yield from sentences(error, tuple(model.model_fields), prefix)


def sentences(error: ValidationError, known: Iterable[str], prefix: str = "") -> Iterator[str]:
    """Each error as "path = value seen: what is wrong. Did you mean ...?"."""
    seen: set[str] = set()
    for problem in error.errors():
        place = ".".join([prefix, *_place(problem["loc"])]).strip(".")
        if place in seen:
            continue  # a union reports each of its members
        seen.add(place)
        if problem["type"] == "extra_forbidden":
            key = str(problem["loc"][-1])
            yield f"{place}: there is no such key.{did_you_mean(key, known)}"
        elif problem["type"] == "missing":
            yield f"{place}: is missing."
        else:
            yield f"{place} = {shown(problem['input'])}: {_wrong(problem)}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A guess where one is near, otherwise all there is to choose from."""
    choices = list(known)
    near = difflib.get_close_matches(word, choices, n=1)
    return f" Did you mean {near[0]!r}?" if near else f" There is: {', '.join(choices)}."


def shown(value: object) -> str:
    """A value as it would stand in the file."""
    return json.dumps(value, default=str, ensure_ascii=False)


def _place(location: tuple[int | str, ...]) -> list[str]:
    return [str(part) for part in location if part not in ("CpuLists", "str", "int", "dict[str,any]")
            and not str(part).startswith(("literal[", "function-", "constrained-"))]  # fmt: skip


def _wrong(problem: Mapping[str, Any]) -> str:
    message = str(problem["msg"]).removeprefix("Input ")
    return f"{message[0].lower()}{message[1:]}.".replace("should", "must", 1)


def _parsed(path: Path) -> Table:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}. Give the path of an experiment file.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from None


def _override_table(override: str) -> Table:
    key, equals, value = override.partition("=")
    if not equals:
        raise ConfigError(f"--set {override}: there is no '='. Write --set KEY.PATH=VALUE.")
    for text in (value, json.dumps(value)):  # a TOML value, or else a plain word
        try:
            return tomllib.loads(f"{key} = {text}")
        except tomllib.TOMLDecodeError:
            continue
    raise ConfigError(f"--set {override}: {key!r} is no key path. Write --set KEY.PATH=VALUE.")


def _merge(table: Table, other: Table) -> None:
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(table.get(key), dict):
            _merge(table[key], value)
        else:
            table[key] = value
