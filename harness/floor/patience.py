"""Limit waits by a timer of the process: a socket option would change the timed system calls."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from harness.errors import LoadError


@contextmanager
def patient(limit_s: float, finished: Callable[[], int] = lambda: 0) -> Iterator[None]:
    """Raise LoadError if `finished()` has not grown for `limit_s`. Only for the main thread, and not nested."""
    before = finished()

    def check_progress(*_: object) -> None:
        nonlocal before
        if finished() == before:
            raise LoadError(f"The bare server did not finish an answer within {limit_s:g} s. Run it again.")
        before = finished()

    handler = signal.signal(signal.SIGALRM, check_progress)
    try:
        signal.setitimer(signal.ITIMER_REAL, limit_s, limit_s)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
