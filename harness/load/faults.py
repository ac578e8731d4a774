"""One word or two for what went wrong on a connection, the same for the same cause."""

import os
import ssl

TIMEOUT = "timeout"


def kind_of(error: OSError) -> str:
    if isinstance(error, TimeoutError | BlockingIOError):
        return TIMEOUT  # BlockingIOError is how the kernel's own timeouts end
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "reset"
    if isinstance(error, ssl.SSLError):
        return f"tls {error.reason or error}".lower().replace("_", " ")
    return os.strerror(error.errno).lower() if error.errno else str(error)
