"""Doubts about failed connections from nginx to the application, from nginx's error log."""

import errno
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from harness.evidence.doubts.scene import Scene
from harness.model import Doubt

MAX_LOG_BYTES = 64 << 20  # the rest of a longer log is not read
MAX_LINE_BYTES = 64 << 10
_CONNECT_FAILED = re.compile(rb"connect\(\) to .* failed \((\d+): ")

Errors = Counter[int]


def read_upstream_errors(context: Scene) -> Errors:
    """Return the number of failed connect() calls so far, by errno; a lower bound for very long logs."""
    lines = (line for log in context.nginx_logs if log.is_file() for line in _log_lines(log))
    return Counter(int(number) for line in lines for number in _CONNECT_FAILED.findall(line))


def _log_lines(log: Path) -> Iterator[bytes]:
    """Yield the first lines of a log, up to MAX_LOG_BYTES."""
    with log.open("rb") as file:
        while file.tell() < MAX_LOG_BYTES and (line := file.readline(MAX_LINE_BYTES)):
            yield line


def upstream_doubts(before: Errors, after: Errors) -> Iterator[Doubt]:
    """Yield a doubt each for a full backlog and for exhausted ports: requests that fail quickly look fast."""
    failures = after - before
    if failures[errno.EAGAIN]:
        yield Doubt(
            kind="backlog",
            seen=f"nginx found a Unix socket with a full backlog {failures[errno.EAGAIN]} times (EAGAIN).",
            advice=(
                "It answers such a request with 502 at once, which makes the arm look faster. Lower connections, "
                "or raise workers or net.core.somaxconn."
            ),
        )
    if failures[errno.EADDRNOTAVAIL]:
        yield Doubt(
            kind="ports",
            seen=f"nginx found no free local port {failures[errno.EADDRNOTAVAIL]} times (EADDRNOTAVAIL).",
            advice=(
                "Set net.ipv4.tcp_tw_reuse and net.ipv4.tcp_timestamps to 1, keep connections with "
                "upstream_keepalive, or widen net.ipv4.ip_local_port_range."
            ),
        )
