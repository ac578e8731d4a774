"""Doubts about connections to the application that nginx could not make, as its log tells of them."""

import errno
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from harness.evidence.doubts.scene import Scene
from harness.model import Doubt

MOST_BYTES = 64 << 20  # that are read of a log: a longer one has told enough
MOST_LINE_BYTES = 64 << 10
_FAILED = re.compile(rb"connect\(\) to .* failed \((\d+): ")

Errors = Counter[int]


def read_upstream_errors(scene: Scene) -> Errors:
    """How often connect() failed so far, by errno; at least, where a log is long."""
    lines = (line for log in scene.nginx_logs if log.is_file() for line in _lines(log))
    return Counter(int(number) for line in lines for number in _FAILED.findall(line))


def _lines(log: Path) -> Iterator[bytes]:
    """Those at the beginning of a log, one at a time, however long the log has become."""
    with log.open("rb") as file:
        while file.tell() < MOST_BYTES and (line := file.readline(MOST_LINE_BYTES)):
            yield line


def upstream_doubts(before: Errors, after: Errors) -> Iterator[Doubt]:
    """Each costs a request, which fails quickly; that looks like speed."""
    seen = after - before
    if seen[errno.EAGAIN]:
        yield Doubt(
            kind="backlog",
            seen=f"nginx met a Unix socket with a full backlog {seen[errno.EAGAIN]} times (EAGAIN).",
            advice=(
                "It answers such a request with 502 at once, which looks like speed. Lower connections, "
                "or raise workers or net.core.somaxconn."
            ),
        )
    if seen[errno.EADDRNOTAVAIL]:
        yield Doubt(
            kind="ports",
            seen=f"nginx found no port to connect from {seen[errno.EADDRNOTAVAIL]} times (EADDRNOTAVAIL).",
            advice=(
                "Set net.ipv4.tcp_tw_reuse and net.ipv4.tcp_timestamps to 1, keep connections with "
                "upstream_keepalive, or widen net.ipv4.ip_local_port_range."
            ),
        )
