"""Flush files and directories to the disk."""

import errno
import os
from pathlib import Path

# Errors of network and FUSE file systems that cannot flush a directory; fsync(2) documents EINVAL for it.
NOT_FOR_DIRECTORIES = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EISDIR)


def flush_file(path: Path) -> None:
    """Flush the content of `path` to the disk. Raises OSError."""
    _flush(path, os.O_RDONLY)


def flush_directory(path: Path) -> None:
    """Flush the names in the directory `path` to the disk, if its file system can. Raises OSError."""
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
