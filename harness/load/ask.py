"""One question to whoever serves an arm, untimed: is it there, and who answered?"""

import http.client

from harness.errors import StackError
from harness.load.client import endpoint_of
from harness.load.exchange import Endpoint
from harness.load.faults import kind_of
from harness.model import Reply, Target


def ask(target: Target, path: str, timeout_s: float = 5.0) -> Reply | str:
    """The answer to GET `path`, or a few words on why there is none. Raises StackError when it is cut short."""
    connection = _Connection(endpoint_of(target), timeout_s)
    try:
        connection.request("GET", path, headers={"Host": target.place})
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
    except http.client.HTTPException as error:
        return "no answer" if isinstance(error, http.client.RemoteDisconnected) else f"not http ({error!r})"
    except OSError as error:
        return kind_of(error)
    finally:
        connection.close()


class _Connection(http.client.HTTPConnection):
    """Speaks HTTP over the same kind of socket as the client, but with Python's own timeout for each wait."""

    def __init__(self, endpoint: Endpoint, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._endpoint = endpoint
        self._timeout_s = timeout_s

    def connect(self) -> None:
        self.sock = self._endpoint.unconnected()
        self.sock.settimeout(self._timeout_s)
        self.sock.connect(self._endpoint.address)
