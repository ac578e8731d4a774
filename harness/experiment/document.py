"""Read an experiment file into tables, apply `--set`, and check each table by itself."""

import copy
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from harness.errors import ConfigError, raise_all
from harness.experiment.check import Table, table_problems
from harness.experiment.limits import setting_limits
from harness.experiment.nesting import nesting_problems
from harness.experiment.override import override
from harness.experiment.toml_file import read_toml
from harness.experiment.values import value_problems
from harness.experiment.wording import Place, Problem, did_you_mean
from harness.model import Design, Settings


class Document(BaseModel):
    """The tables of a file, with unchecked contents."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field("experiment", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)
    question: str = ""
    arm: Table = {}
    arms: dict[str, Table] = {}
    factors: dict[str, list[Any]] = {}
    design: Table = {}


def read_document(path: Path, overrides: Iterable[str]) -> Document:
    """Read the file at `path` and apply the `overrides` (KEY.PATH=VALUE). Raises ConfigError."""
    tables = {"name": path.stem, **read_toml(path)}
    override(tables, overrides)
    raise_all(nesting_problems(tables), ConfigError)
    return document_of(tables)


def document_of(tables: Table) -> Document:
    """Return `tables` as a document. Raises ConfigError with all problems, also those inside valid tables."""
    problems = list(value_problems(tables))
    rest = _without(tables, [problem.place for problem in problems])
    wrong_tables = list(table_problems(Document, rest))
    if problems or wrong_tables:
        document = Document.model_validate(_without(rest, [problem.place for problem in wrong_tables]))
        inside = [*setting_problems(document), *design_problems(document)]
        raise ConfigError("\n".join(map(str, problems + wrong_tables + inside)))
    return Document.model_validate(tables)


def setting_problems(document: Document) -> Iterator[Problem]:
    """Yield the problems of each setting by itself, in the order of the file format."""
    yield from _within(("arm",), _table_problems(document.arm))
    for name, table in document.arms.items():
        yield from _within(("arms", name), _table_problems(table))
    for key, levels in document.factors.items():
        yield from _factor_problems(key, levels)


def design_problems(document: Document) -> Iterator[Problem]:
    """Yield the problems of each key of `[design]` by itself."""
    yield from _within(("design",), table_problems(Design, document.design))


def level_problems(key: str, level: object, place: Place) -> Iterator[Problem]:
    """Yield why setting `key` cannot have the `level` at `place` of the file."""
    depth = 2 if "." in key else 1
    for problem in _table_problems(setting_table(key, level)):
        inside = problem.place[depth:]
        yield Problem((*place, *inside), problem.value if inside else level, problem.text)


def is_setting(key: str) -> bool:
    """Return whether `key` names a setting of an arm."""
    return key in Settings.model_fields or key.startswith("knobs.")


def setting_table(key: str, value: object) -> Table:
    """Return one setting as a table: `knobs.net.ipv4.tcp_sack` is a key of the table `knobs`."""
    first, _, rest = key.partition(".")
    return {first: {rest: value}} if rest else {first: value}


def _table_problems(table: Table) -> Iterator[Problem]:
    yield from table_problems(Settings, table)
    yield from setting_limits(table)


def _factor_problems(key: str, levels: list[Any]) -> Iterator[Problem]:
    place = ("factors", key)
    if not is_setting(key):
        yield Problem(place, levels, f"there is no such setting.{did_you_mean(key, Settings.model_fields)}")
        return
    if not levels:
        yield Problem(place, levels, "a factor needs at least one level.")
    for index, level in enumerate(levels):
        yield from level_problems(key, level, (*place, index))


def _within(place: Place, problems: Iterable[Problem]) -> Iterator[Problem]:
    for problem in problems:
        yield replace(problem, place=(*place, *problem.place))


def _without(tables: Table, places: Iterable[Place]) -> Table:
    """Return a copy of `tables` without the values at `places`."""
    rest = copy.deepcopy(tables)  # delete from the end, because lists become shorter
    for *outer, last in reversed(list(places)):
        table: Any = rest
        for key in outer:
            table = table[key]
        del table[last]
    return rest
