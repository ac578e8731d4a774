"""Netlink sockets of this thread's network; the kernel's refusals become OSError."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def routing() -> Iterator[Any]:
    """Open pyroute2's IPRoute: links, addresses, routes."""
    from pyroute2 import IPRoute  # takes 100 ms, and few experiments need it

    with _kernel_errors(), IPRoute() as socket:
        yield socket


@contextmanager
def filtering(family: int) -> Iterator[Any]:
    """Open pyroute2's NFTables: tables, chains, rules."""
    from pyroute2.nftables.main import NFTables

    with _kernel_errors(), NFTables(nfgen_family=family) as socket:
        yield socket


@contextmanager
def _kernel_errors() -> Iterator[None]:
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        yield
    except NetlinkError as error:
        raise OSError(error.code, os.strerror(error.code)) from None
