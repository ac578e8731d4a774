"""Ends what waits too long, with a timer of the process: an option of the socket would change what is timed."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from harness.errors import LoadError


@contextmanager
def patient(limit_s: float, finished: Callable[[], int] = lambda: 0) -> Iterator[None]:
    """Raise LoadError when `finished()` has not grown for `limit_s`. For the main thread only, and not nested."""
    before = finished()

    def look(*_: object) -> None:
        nonlocal before
        if finished() == before:
            raise LoadError(f"The bare server did not finish an answer within {limit_s:g} s. Run it again.")
        before = finished()

    handler = signal.signal(signal.SIGALRM, look)
    try:
        signal.setitimer(signal.ITIMER_REAL, limit_s, limit_s)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
