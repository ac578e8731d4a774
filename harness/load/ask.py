"""One question to nginx, untimed: is the stack there, and who answered?"""

import http.client
import ssl

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


def _connection(target: Target, timeout_s: float) -> http.client.HTTPConnection:
    if target.authority is None:
        return http.client.HTTPConnection(target.host, target.port, timeout=timeout_s)
    context = ssl.create_default_context(cafile=str(target.authority))
    return http.client.HTTPSConnection(target.host, target.port, timeout=timeout_s, context=context)
