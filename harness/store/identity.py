"""The id of a results directory: a hash over the experiment, the host, the plan and the sessions."""

import hashlib
from pathlib import Path

from harness.errors import ConfigError

ID_DIGITS = 16
MEASURED_FILES = ("experiment.toml", "host.json", "calibration.json", "floor.json", "plan.json")
SESSION_PATTERNS = ("[0-9]*.json", "[0-9]*.parquet")


def content_id(directory: Path) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 over the names and contents of what was measured.

    Reports are not part of it: they can be made again. A run that is resumed gets another id. Raises ConfigError.
    """
    names = [directory / name for name in MEASURED_FILES]
    sessions = [path for pattern in SESSION_PATTERNS for path in (directory / "sessions").glob(pattern)]
    digest = hashlib.sha256()
    for path in [*filter(Path.is_file, names), *sorted(sessions)]:
        digest.update(f"{path.relative_to(directory)} {_file_digest(path)}\n".encode())
    return digest.hexdigest()[:ID_DIGITS]


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
