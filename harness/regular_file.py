"""Read a file that the user names; refuse pipes, devices and files that are too large."""

import stat
from pathlib import Path

from harness.errors import ConfigError

KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def read_regular(path: Path, most_bytes: int, advice: str) -> bytes:
    """Return the bytes of the regular file at `path`. Raises ConfigError, which ends with `advice`."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = next((words for is_kind, words in KINDS if is_kind(status.st_mode)), "of another kind")
            raise ConfigError(f"{path} is {kind}, not a regular file. {advice}")
        if status.st_size > most_bytes:
            raise ConfigError(f"{path} has {status.st_size:,} bytes; at most {most_bytes:,} are read. {advice}")
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}. {advice}") from None
    except ValueError:
        raise ConfigError(f"{str(path)!a} cannot be the name of a file. {advice}") from None
    if len(content) > most_bytes:
        raise ConfigError(f"{path} has more than {most_bytes:,} bytes. {advice}")
    return content
