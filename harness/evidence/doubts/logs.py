"""Doubts about servers that log so much that logging is a part of what was measured."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.evidence.doubts.scene import Scene
from harness.model import Doubt

# A few lines about a worker or a deprecation are ordinary; a line for each request is not.
ORDINARY_BYTES = 16 << 10
ORDINARY_BYTES_PER_REQUEST = 10.0


@dataclass(frozen=True, slots=True)
class Logged:
    """How long each log had become after so many requests, by the names of the arms of its stack and of the server."""

    size_bytes: Mapping[tuple[str, str], int]
    requests: int


def read_logs(scene: Scene) -> Logged:
    sizes = {(log.arms, log.server): log.path.stat().st_size for log in scene.logs if log.path.exists()}
    return Logged(sizes, scene.requests)


def log_doubts(before: Logged, after: Logged) -> Iterator[Doubt]:
    requests = max(1, after.requests - before.requests)
    for (arms, server), size_bytes in after.size_bytes.items():
        logged_bytes = size_bytes - before.size_bytes.get((arms, server), 0)
        if logged_bytes > max(ORDINARY_BYTES, ORDINARY_BYTES_PER_REQUEST * requests):
            yield Doubt(
                kind="logging",
                seen=(
                    f"{server} of {arms} logged {_size(logged_bytes)} while requests were measured, "
                    f"{logged_bytes / requests:.0f} bytes per request of the session."
                ),
                advice=(
                    "Writing it is in the time and in the CPU time. Raise the log level of the application (no DEBUG, "
                    "no access log) unless logging is what you measure."
                ),
            )


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
