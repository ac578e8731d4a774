"""Reads an experiment file into typed tables, with overrides from the command line."""

import codecs
import copy
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from unicodedata import category

from pydantic import BaseModel, ConfigDict, Field

from harness.errors import ConfigError, raise_if_any
from harness.experiment.constraints import setting_value_problems
from harness.experiment.events import counter_problems
from harness.experiment.problems import ConfigProblem, KeyPath, TomlTable, did_you_mean, path_text, table_problems
from harness.files import read_regular_file
from harness.model import Design, Settings

MAX_DEPTH = 8  # nested tables; an experiment has four
MAX_ENTRIES = 1000  # of a list or a table
Assignment = tuple[list[str], object]
MAX_FILE_BYTES = 1_000_000
FILE_ADVICE = "Give the path of an experiment file, or a name that barehop list configs shows."
BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
HUGE_NUMBER_ERROR = "integer string conversion"  # in Python's message; TOML itself ends at 64 bits
INTEGER_LIMIT = 2**63  # TOML's integers have 64 bits
ALLOWED_IN_TEXTS = "\t\r\n"  # allowed in a question and in the body of a request
ALLOWED_IN_KNOBS = "\t"  # the kernel separates several numbers of a value by tabs


class Document(BaseModel):
    """The tables of a file, with unchecked contents."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field("experiment", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)
    question: str = ""
    arm: TomlTable = {}
    arms: dict[str, TomlTable] = {}
    factors: dict[str, list[Any]] = {}
    design: TomlTable = {}
    counters: dict[str, str] = {}


def read_document(path: Path, overrides: Iterable[str]) -> Document:
    """Read the file at `path` and apply the `overrides` (KEY.PATH=VALUE). Raises ConfigError."""
    tables = {"name": path.stem, **read_toml(path)}
    apply_overrides(tables, overrides)
    raise_if_any(nesting_problems(tables), ConfigError)
    return parse_document(tables)


def parse_document(tables: TomlTable) -> Document:
    """Return `tables` as a document. Raises ConfigError with all problems, also those inside valid tables."""
    problems = list(value_problems(tables))
    rest = _remove_places(tables, [problem.place for problem in problems])
    wrong_tables = list(table_problems(Document, rest))
    document = Document.model_validate(_remove_places(rest, [problem.place for problem in wrong_tables]))
    if problems or wrong_tables:
        inside = [*setting_problems(document), *design_problems(document)]
        raise ConfigError("\n".join(map(str, problems + wrong_tables + inside)))
    return document


def setting_problems(document: Document) -> Iterator[ConfigProblem]:
    """Yield the problems of each setting and each counter by itself, in the order of the file format."""
    yield from _prefix_places(("arm",), _arm_table_problems(document.arm))
    for name, table in document.arms.items():
        yield from _prefix_places(("arms", name), _arm_table_problems(table))
    for key, levels in document.factors.items():
        yield from _factor_problems(key, levels)
    yield from counter_problems(document.counters)


def design_problems(document: Document) -> Iterator[ConfigProblem]:
    """Yield the problems of each key of `[design]` by itself."""
    yield from _prefix_places(("design",), table_problems(Design, document.design))


def level_problems(key: str, level: object, place: KeyPath) -> Iterator[ConfigProblem]:
    """Yield why setting `key` cannot have the `level` at `place` of the file."""
    depth = 2 if "." in key else 1
    for problem in _arm_table_problems(setting_table(key, level)):
        inside = problem.place[depth:]
        yield ConfigProblem((*place, *inside), problem.value if inside else level, problem.text)


def is_setting(key: str) -> bool:
    """Return whether `key` names a setting of an arm."""
    return key in Settings.model_fields or key.startswith("knobs.")


def setting_table(key: str, value: object) -> TomlTable:
    """Return one setting as a table: `knobs.net.ipv4.tcp_sack` is a key of the table `knobs`."""
    first, _, rest = key.partition(".")
    return {first: {rest: value}} if rest else {first: value}


def _arm_table_problems(table: TomlTable) -> Iterator[ConfigProblem]:
    yield from table_problems(Settings, table)
    yield from setting_value_problems(table)


def _factor_problems(key: str, levels: list[Any]) -> Iterator[ConfigProblem]:
    place = ("factors", key)
    if not is_setting(key):
        yield ConfigProblem(place, levels, f"there is no such setting.{did_you_mean(key, Settings.model_fields)}")
        return
    if not levels:
        yield ConfigProblem(place, levels, "a factor needs at least one level.")
    for index, level in enumerate(levels):
        yield from level_problems(key, level, (*place, index))


def _prefix_places(place: KeyPath, problems: Iterable[ConfigProblem]) -> Iterator[ConfigProblem]:
    for problem in problems:
        yield replace(problem, place=(*place, *problem.place))


def _remove_places(tables: TomlTable, places: Iterable[KeyPath]) -> TomlTable:
    """Return a copy of `tables` without the values at `places`."""
    rest = copy.deepcopy(tables)  # delete from the end, because lists become shorter
    for *outer, last in reversed(list(places)):
        table: Any = rest
        for key in outer:
            table = table[key]
        del table[last]
    return rest


def nesting_problems(tables: Mapping[str, object]) -> Iterator[str]:
    """Yield a sentence for the first list or table that is too long or too deep."""
    for place, value in _walk(tables):
        where, entries = path_text(place) or "The file", len(_entries(value))
        if entries > MAX_ENTRIES:
            yield f"{where} has {entries} entries; at most {MAX_ENTRIES} are read. Leave some out."
            return
        if len(place) > MAX_DEPTH:
            yield f"{where} is nested {len(place)} deep; at most {MAX_DEPTH} are read. An experiment needs no more."
            return


def _walk(tables: Mapping[str, object]) -> Iterator[tuple[KeyPath, object]]:
    """Yield every value with its place, outer ones first."""
    waiting: list[tuple[KeyPath, object]] = [((), tables)]
    while waiting:
        place, value = waiting.pop()
        yield place, value
        waiting += [((*place, key), inside) for key, inside in reversed(_entries(value))]


def _entries(value: object) -> list[tuple[str | int, object]]:
    if isinstance(value, Mapping):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list | tuple) else []


def apply_overrides(tables: TomlTable, overrides: Iterable[str]) -> None:
    """Apply each KEY.PATH=VALUE to `tables`. Raises ConfigError with all that do not have this form."""
    assignments = {text: _parse_assignment(text) for text in overrides}
    raise_if_any(
        (_override_problem(text) for text, assignment in assignments.items() if assignment is None), ConfigError
    )
    for keys, value in filter(None, assignments.values()):
        _assign(tables, keys, value)


def _override_problem(text: str) -> str:
    return (
        f"--set {text} is not of the form KEY.PATH=VALUE. Write it like --set design.budget_s=30; "
        'a key with dots or spaces needs quotes, like arm.knobs."net.ipv4.tcp_sack".'
    )


def _parse_assignment(text: str) -> Assignment | None:
    key, equals, value = text.partition("=")
    try:
        return (_parse_key_path(key), _parse_value(value.strip())) if equals else None
    except ValueError:
        return None


def _parse_key_path(text: str) -> list[str]:
    """Return the keys of a path, outermost first; the name of a knob is one key, also without quotes.

    Raises ValueError unless `text` is exactly one path.
    """
    keys: list[str] = []
    inside: Any = tomllib.loads(f"{text} = 0")
    while isinstance(inside, dict):
        [(key, inside)] = inside.items()
        keys.append(key)
    place = {"arm": 2, "arms": 3}.get(keys[0], len(keys))  # of the name, if it is that of a knob
    is_knob = len(keys) > place and keys[place - 1] == "knobs"
    return [*keys[:place], ".".join(keys[place:])] if is_knob else keys


def _parse_value(text: str) -> object:
    """Return `text` as a TOML value, or unchanged if it is none."""
    try:
        tables = tomllib.loads(f"value = {text}")
    except ValueError:
        return text
    return tables["value"] if len(tables) == 1 else text


def _assign(table: TomlTable, keys: list[str], value: object) -> None:
    *outer, last = keys
    for key in outer:
        if not isinstance(table.get(key), dict):
            table[key] = {}
        table = table[key]
    table[last] = value


def read_toml(path: Path) -> TomlTable:
    """Return the tables of the file at `path`. Raises ConfigError."""
    try:
        return tomllib.loads(read_text(path, FILE_ADVICE))
    except ValueError as error:
        reason = "it has a number of more than 4000 digits" if HUGE_NUMBER_ERROR in str(error) else str(error)
        raise ConfigError(f"{path} is not valid TOML: {reason}. Correct it there.") from None


def read_text(path: Path, advice: str) -> str:
    """Return the text without a byte order mark and with line feeds only.

    Raises ConfigError; `advice` says which file is wanted.
    """
    content = read_regular_file(path, MAX_FILE_BYTES, advice)
    encoding = next((name for mark, name in BYTE_ORDER_MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        byte = f"byte {content[error.start]:#04x} at offset {error.start}"
        raise ConfigError(f"{path} is not text in UTF-8: {byte}. Save it as UTF-8.") from None


def value_problems(tables: TomlTable) -> Iterator[ConfigProblem]:
    """Yield the problems of all numbers and texts in `tables`, whatever they are for."""
    for place, value in _walk(tables):
        if isinstance(value, int) and not -INTEGER_LIMIT <= value < INTEGER_LIMIT:
            yield ConfigProblem(place, value, "a whole number has at most 64 bits. Write a smaller one.")
        if isinstance(value, str) and (hidden := _invisible_character(value, place)):
            code = f"U+{ord(hidden):04X}"
            yield ConfigProblem(place, value, f"has {code}, an invisible character. Leave it out.")


def _invisible_character(text: str, place: KeyPath) -> str:
    """Return the first invisible character that is not allowed at `place`, for example a control character, or ""."""
    of_knobs = any("knobs" in str(part) for part in place)
    of_lines = place == ("question",) or "body" in place
    allowed = ALLOWED_IN_TEXTS if of_lines else ALLOWED_IN_KNOBS if of_knobs else ""
    return next((letter for letter in text if not _is_visible(letter) and letter not in allowed), "")


def _is_visible(letter: str) -> bool:
    """Return whether `letter` is visible; so are blanks beyond ASCII, which Python does not call printable."""
    return letter.isprintable() or category(letter) == "Zs"
