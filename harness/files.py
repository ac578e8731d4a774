"""Files and their names: read whole, flushed to the disk, named so that every file system takes them."""

import errno
import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from harness.errors import ConfigError

MAX_NAME_BYTES = 120  # a name takes 255, on encrypted file systems 143, of which endings need some
HASH_LETTERS = 8
WINDOWS_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)

# Errors of network and FUSE file systems that cannot flush a directory; fsync(2) documents EINVAL for it.
NO_DIRECTORY_FSYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EISDIR)

FILE_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def file_names(names: Iterable[str]) -> dict[str, str]:
    """Return a file name for each of `names`: the name itself where possible.

    All are distinct, also on a file system that ignores case.
    """
    wanted = list(dict.fromkeys(names))
    by_name: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted(wanted, key=lambda name: file_name(name) != name):  # those that can be kept come first
        by_name[name] = _unique_name(name, taken)
        taken.add(_comparison_key(by_name[name]))
    return {name: by_name[name] for name in wanted}


def file_name(name: str) -> str:
    """Return `name` as a file name of letters, digits, "-", "." and "_"."""
    safe = "".join(
        letter if letter.isalnum() or letter in "-._" else "_" for letter in unicodedata.normalize("NFC", name)
    )
    safe = re.sub(r"^[-.]", "_", safe)
    safe = re.sub(r"\.+$", lambda dots: "_" * len(dots.group()), safe) or "_"
    if WINDOWS_RESERVED.fullmatch(safe):
        safe = f"_{safe}"
    return safe if len(safe.encode()) <= MAX_NAME_BYTES else _with_hash(safe, name)


def _unique_name(name: str, taken: set[str]) -> str:
    candidate, salt = file_name(name), name
    while _comparison_key(candidate) in taken:
        candidate, salt = _with_hash(file_name(name), salt), f"{salt}/"
    return candidate


def _with_hash(safe: str, name: str) -> str:
    """Return the beginning of `safe` with a hash of `name`."""
    ending = f"-{hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()[:HASH_LETTERS]}"
    beginning = safe.encode()[: MAX_NAME_BYTES - len(ending)].decode(errors="ignore")
    return f"{beginning}{ending}"


def _comparison_key(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def flush_file(path: Path) -> None:
    """Flush the content of `path` to the disk. Raises OSError."""
    _flush(path, os.O_RDONLY)


def flush_directory(path: Path) -> None:
    """Flush the names in the directory `path` to the disk, if its file system can. Raises OSError."""
    try:
        _flush(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        if error.errno not in NO_DIRECTORY_FSYNC:
            raise


def _flush(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_regular_file(path: Path, most_bytes: int, advice: str) -> bytes:
    """Return the bytes of the regular file at `path`. Raises ConfigError, which ends with `advice`."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = next((words for is_kind, words in FILE_KINDS if is_kind(status.st_mode)), "of another kind")
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
