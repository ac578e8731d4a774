"""Brings files and directories to the disk, as far as their file system can."""

import errno
import os
from pathlib import Path

# What network and FUSE file systems answer that have nothing to flush of a directory; fsync(2) has EINVAL for it.
NOT_FOR_DIRECTORIES = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EISDIR)


def flush_file(path: Path) -> None:
    """Return when the content of `path` is on the disk. Raises OSError."""
    _flush(path, os.O_RDONLY)


def flush_directory(path: Path) -> None:
    """Return when the names in `path` are on the disk, or at once where its file system cannot do that.

    Raises OSError for every other failure.
    """
    try:
        _flush(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        if error.errno not in NOT_FOR_DIRECTORIES:
            raise


def _flush(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
