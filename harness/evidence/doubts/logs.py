"""Doubts about servers that log so much that logging affects the measurement."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.evidence.doubts.scene import Scene
from harness.model import Doubt

# A few lines about a worker or a deprecation are ordinary; a line for each request is not.
ORDINARY_BYTES = 16 << 10
ORDINARY_BYTES_PER_REQUEST = 10.0


@dataclass(frozen=True, slots=True)
class Logged:
    """The size of each log, by the arms of its stack and the server, after so many requests."""

    size_bytes: Mapping[tuple[str, str], int]
    requests: int


def read_logs(context: Scene) -> Logged:
    """Read the size of each server's log."""
    sizes = {(log.arms, log.server): log.path.stat().st_size for log in context.logs if log.path.exists()}
    return Logged(sizes, context.requests)


def log_doubts(before: Logged, after: Logged) -> Iterator[Doubt]:
    """Yield a doubt for each log that grew by more than a few bytes per request."""
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
                    "Times and CPU time include writing the log. Raise the log level of the application (no DEBUG, no "
                    "access log) unless you want to measure logging."
                ),
            )


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
