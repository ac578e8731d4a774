"""Reads the table of single requests of a session."""

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import ConfigError
from harness.evidence.record import ADDED_COLUMNS, REQUEST_COLUMNS

if TYPE_CHECKING:
    from polars import DataFrame


def parse_requests(path: Path, content: bytes) -> "DataFrame":
    """Parse `content`, the bytes of `path`. Raise ConfigError."""
    import polars

    try:
        table = polars.read_parquet(BytesIO(content))
    except (
        OSError,
        ValueError,
        OverflowError,
        polars.exceptions.PolarsError,
        polars.exceptions.PanicException,
    ) as error:
        first_line = str(error).partition("\n")[0]
        raise ConfigError(f"{path} cannot be read: {first_line or type(error).__name__}.") from None
    is_older = {*table.columns, *ADDED_COLUMNS} == REQUEST_COLUMNS.keys()
    missing = {name: value for name, value in ADDED_COLUMNS.items() if is_older and name not in table.columns}
    table = table.with_columns(**{name: polars.lit(value, polars.Int64) for name, value in missing.items()})
    columns = {name: str(kind) for name, kind in table.schema.items()}
    if columns != REQUEST_COLUMNS:
        raise ConfigError(f"{path} is not what barehop wrote: its columns are {', '.join(columns)}.")
    return table
