"""Speaks to the kernel's network side from this thread's network; what it refuses is an OSError as everywhere else."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def routing() -> Iterator[Any]:
    """pyroute2's IPRoute: links, addresses, routes."""
    from pyroute2 import IPRoute  # takes a tenth of a second, and few experiments need it

    with _refusals(), IPRoute() as socket:
        yield socket


@contextmanager
def filtering(family: int) -> Iterator[Any]:
    """pyroute2's NFTables: tables, chains, rules."""
    from pyroute2.nftables.main import NFTables

    with _refusals(), NFTables(nfgen_family=family) as socket:
        yield socket


@contextmanager
def _refusals() -> Iterator[None]:
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        yield
    except NetlinkError as error:
        raise OSError(error.code, os.strerror(error.code)) from None
