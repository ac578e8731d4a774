"""Read the text and the tables of an experiment file, with any byte order mark and line ends."""

import codecs
import tomllib
from pathlib import Path

from harness.errors import ConfigError
from harness.experiment.check import Table
from harness.regular_file import read_regular

MOST_BYTES = 1_000_000
ADVICE = "Give the path of an experiment file, or a name that barehop list shows."
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
ENDLESS_NUMBER = "integer string conversion"  # in Python's message; TOML itself ends at 64 bits


def read_toml(path: Path) -> Table:
    """Return the tables of the file at `path`. Raises ConfigError."""
    try:
        return tomllib.loads(read_text(path))
    except ValueError as error:
        reason = "it has a number of more than 4000 digits" if ENDLESS_NUMBER in str(error) else str(error)
        raise ConfigError(f"{path} is not valid TOML: {reason}. Correct it there.") from None


def read_text(path: Path) -> str:
    """Return the text without a byte order mark and with line feeds only. Raises ConfigError."""
    content = read_regular(path, MOST_BYTES, ADVICE)
    encoding = next((name for mark, name in MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        byte = f"byte {content[error.start]:#04x} at offset {error.start}"
        raise ConfigError(f"{path} is not text in UTF-8: {byte}. Save it as UTF-8.") from None
