"""Name the kind of failure of a connection in a word or two."""

import os
import ssl

TIMEOUT = "timeout"


def kind_of(error: OSError) -> str:
    """Return the kind of failure, the same for the same cause."""
    if isinstance(error, TimeoutError | BlockingIOError):
        return TIMEOUT  # the kernel's timeouts raise BlockingIOError
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "reset"
    if isinstance(error, ssl.SSLError):
        return f"tls {error.reason or error}".lower().replace("_", " ")
    return os.strerror(error.errno).lower() if error.errno else str(error)
