"""One question to nginx, untimed: is the stack there, and who answered?"""

import http.client
import socket
import ssl
from pathlib import Path

from harness.errors import StackError
from harness.model import Reply, Target


def ask(target: Target, path: str, timeout_s: float = 5.0) -> Reply | str:
    """The answer to GET `path`, or a few words on why there is none. Raises StackError when it is cut short."""
    connection = _connection(target, timeout_s)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return Reply(
            status=response.status,
            headers={name.lower(): value for name, value in response.getheaders()},
            body=response.read(),
        )
    except http.client.IncompleteRead as error:
        raise StackError(
            f"{target.url} answers with a body that is cut short after {len(error.partial)} bytes. "
            "Mend the application."
        ) from None
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()


class _ToSocket(http.client.HTTPConnection):
    """Speaks HTTP over the Unix socket at `path`."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _connection(target: Target, timeout_s: float) -> http.client.HTTPConnection:
    if target.socket:
        return _ToSocket(target.socket, timeout_s)
    if target.authority is None:
        return http.client.HTTPConnection(target.host, target.port, timeout=timeout_s)
    context = ssl.create_default_context(cafile=str(target.authority))
    return http.client.HTTPSConnection(target.host, target.port, timeout=timeout_s, context=context)
