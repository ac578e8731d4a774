"""Lets this process and its children have many open files: a connection is one, and each server has its own end."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

WANTED = 65536


@contextmanager
def many_descriptors() -> Iterator[None]:
    """As many as are allowed up to 65536; afterwards as before. What is started inside keeps them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft if soft == resource.RLIM_INFINITY else allowed_files(), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def allowed_files() -> int:
    """How many open files a process has inside `many_descriptors`: the hard limit, which needs no right to reach."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = WANTED if hard == resource.RLIM_INFINITY else min(hard, WANTED)
    return max(soft, most)
