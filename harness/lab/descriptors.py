"""Raises the limit of open files: a connection needs a descriptor in the client and in each server."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

MOST_DESCRIPTORS = 65536


@contextmanager
def many_descriptors() -> Iterator[None]:
    """Allow up to 65536 open files inside, also for processes started there; restore the limit afterwards."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft if soft == resource.RLIM_INFINITY else allowed_files(), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def allowed_files() -> int:
    """Return the limit of open files inside `many_descriptors`; raising it up to the hard limit needs no privilege."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    return max(soft, most)
