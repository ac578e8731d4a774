"""The file formats of a results directory: JSON and the table of requests; invalid content is refused."""

from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from pydantic import BaseModel, RootModel, TypeAdapter, ValidationError

from harness.errors import ConfigError
from harness.files import read_regular_file
from harness.model import Visit

if TYPE_CHECKING:
    from polars import DataFrame


MAX_FILE_BYTES = 4 * 2**30
SHORT_CHARACTERS = 60
HUGE = 1e24  # larger than any counter, and small enough to be squared

# The columns of the table of requests, and their polars types.
REQUEST_COLUMNS = {
    "round": "Int32",
    "order": "Int32",
    "arm": "String",
    "position": "Int32",
    "start_ns": "Int64",
    "latency_ns": "Int64",
    "late_ns": "Int64",  # delay of the request against its schedule
}
REPAIR_ADVICE = "Put back the file that barehop wrote."
ADDED_COLUMNS = {"late_ns": 0}  # columns that older files lack, with their value there

STACK_COLUMNS = {"arm": "String", "role": "String", "stack": "String", "samples": "Int64"}

T = TypeVar("T", bound=BaseModel)
Facts = TypeVar("Facts")


def read_file(path: Path) -> bytes:
    """Return the content of `path`. Raise ConfigError."""
    return read_regular_file(path, MAX_FILE_BYTES, REPAIR_ADVICE)


def read_model(path: Path, model: type[T], unknown_keys: Literal["ignore", "forbid"] = "ignore") -> T:
    """Return the JSON in `path` as a `model`. Raise ConfigError that names the first wrong key.

    Unknown keys are ignored by default: within a format, later versions only add keys.
    """
    content = read_file(path)
    try:
        return model.model_validate_json(content, extra=unknown_keys)
    except ValidationError as error:
        raise _format_error(path, error) from None


def read_facts(path: Path, shape: type[Facts]) -> Facts:
    """Return the JSON object in `path`, which must have the `shape` that reports rely on. Raise ConfigError."""
    facts = read_model(path, RootModel[dict[str, Any]]).root
    try:
        TypeAdapter(shape).validate_python(facts)
    except ValidationError as error:
        raise _format_error(path, error) from None
    check_numbers(path, facts)
    return cast("Facts", facts)


def check_numbers(path: Path, value: object) -> None:
    """Raise ConfigError where a number in `value`, the content of `path`, is not finite or too large to be real."""
    if any(True for _ in _huge_numbers(value)):
        raise ConfigError(
            f"{path} is not what barehop wrote: it holds a number beyond {HUGE:g}, or NaN. "
            "Put back the file that barehop wrote."
        )


def is_huge(number: float) -> bool:
    """Return whether a number is NaN, or beyond any counter."""
    return not abs(number) <= HUGE


def _huge_numbers(value: object) -> Iterator[float]:
    if isinstance(value, Mapping):
        yield from _huge_numbers(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _huge_numbers(part)
    elif isinstance(value, int | float) and is_huge(value):
        yield value


def _format_error(path: Path, error: ValidationError) -> ConfigError:
    first = error.errors(include_url=False)[0]
    where = ".".join(map(_short_text, first["loc"])) or "the whole"
    return ConfigError(f"{path} is not what barehop wrote: {where}: {_short_text(first['msg'])}.")


def _short_text(text: object) -> str:
    """Return a key or a message on one line, shortened and without control characters."""
    printable = "".join(letter if letter.isprintable() else "?" for letter in str(text))
    return printable if len(printable) <= 3 * SHORT_CHARACTERS else f"{printable[:SHORT_CHARACTERS]} ..."


def requests_table(visits: Sequence[Visit]) -> "DataFrame":
    """Return a row for each timed request, in the order of sending."""
    import polars

    rows = [
        (visit.round, visit.order, visit.arm, *request)
        for visit in visits
        for request in zip(
            visit.positions,
            visit.start_ns,
            visit.latency_ns,
            visit.late_ns or (0,) * len(visit.positions),
            strict=True,
        )
    ]
    schema = {name: getattr(polars, kind) for name, kind in REQUEST_COLUMNS.items()}
    return polars.DataFrame(rows, schema=schema, orient="row")


def stacks_table(stacks: Mapping[tuple[str, str, str], int]) -> "DataFrame":
    """Return a row for each arm, role and stack of a profile, with its number of samples."""
    import polars

    schema = {name: getattr(polars, kind) for name, kind in STACK_COLUMNS.items()}
    return polars.DataFrame([(*stack, samples) for stack, samples in stacks.items()], schema=schema, orient="row")


def parse_requests(path: Path, content: bytes) -> "DataFrame":
    """Return the table of requests in `content`, the bytes of `path`. Raise ConfigError."""
    import polars

    table = _parse_parquet(path, content)
    if {*table.columns, *ADDED_COLUMNS} == REQUEST_COLUMNS.keys():
        missing = {name: value for name, value in ADDED_COLUMNS.items() if name not in table.columns}
        table = table.with_columns(**{name: polars.lit(value, polars.Int64) for name, value in missing.items()})
    return _with_columns(path, table, REQUEST_COLUMNS)


def parse_stacks(path: Path, content: bytes) -> "DataFrame":
    """Return the table of stacks in `content`, the bytes of `path`. Raise ConfigError."""
    return _with_columns(path, _parse_parquet(path, content), STACK_COLUMNS)


def _parse_parquet(path: Path, content: bytes) -> "DataFrame":
    import polars

    of_polars = (polars.exceptions.PolarsError, polars.exceptions.PanicException)
    try:
        return polars.read_parquet(BytesIO(content))
    except (OSError, ValueError, OverflowError, *of_polars) as error:
        first_line = str(error).partition("\n")[0]
        raise ConfigError(f"{path} cannot be read: {first_line or type(error).__name__}.") from None


def _with_columns(path: Path, table: "DataFrame", expected: Mapping[str, str]) -> "DataFrame":
    """Return the table. Raise ConfigError where its columns are not the `expected` ones."""
    columns = {name: str(kind) for name, kind in table.schema.items()}
    if columns != expected:
        raise ConfigError(f"{path} is not what barehop wrote: its columns are {', '.join(columns)}.")
    return table
