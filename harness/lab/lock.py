"""One run at a time on a machine: two would measure each other."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from harness.errors import MachineError

NAME = "\0barehop"  # an abstract address: the kernel forgets it with the process that holds it, however that ends


@contextmanager
def only_run(name: str = NAME) -> Iterator[None]:
    """Raises MachineError when another run holds this machine."""
    with socket.socket(socket.AF_UNIX) as held:
        try:
            held.bind(name)
        except OSError:
            raise MachineError(
                "Another run of barehop is measuring on this machine. Wait until it has ended."
            ) from None
        yield
