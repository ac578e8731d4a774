"""A preload of dask worker: ends the worker when its standard input closes, because who started it has ended.

Its supervised children end by themselves then, and remove their directories. A supervisor around the worker would
kill theirs before they can.
"""

import os
import signal
from threading import Thread

from distributed import Worker


def dask_setup(worker: Worker) -> None:
    """Begin to watch standard input; dask calls this when the worker starts."""
    Thread(target=_wait, name=f"lifeline of {worker.name}", daemon=True).start()


def _wait() -> None:
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGKILL)
