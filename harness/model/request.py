"""A request without its path: method, Host, other headers and body; the same for every client."""

import json
from dataclasses import dataclass

from harness.model.experiment import Settings

OWN_HOST = "localhost"  # the Host of requests to our own stacks
WITH_BODY = ("POST", "PUT", "PATCH")  # methods whose Content-Length is sent even if it is 0


@dataclass(frozen=True, slots=True)
class Request:
    """A request. `host` "" is the host of the URL. Clients add Host, Connection and Content-Length to `fields`."""

    method: str = "GET"
    host: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    @property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """Headers, including the Content-Type of the body if `headers` does not name it."""
        has_type = any(name.lower() == "content-type" for name, _ in self.headers)
        return (
            self.headers if has_type or not self.body else (*self.headers, ("Content-Type", _content_type(self.body)))
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """`fields`, each as one line."""
        return tuple(f"{name}: {value}" for name, value in self.fields)

    @property
    def has_length(self) -> bool:
        """Whether a Content-Length is sent."""
        return bool(self.body) or self.method in WITH_BODY

    @property
    def has_more(self) -> bool:
        """Whether it differs from a plain GET of its URL on this machine."""
        return (self.method, self.headers, self.body) != ("GET", (), b"") or self.host not in ("", OWN_HOST)


PLAIN = Request()


def request_for(settings: Settings, host: str) -> Request:
    """Return the request that `settings` describe; `host` if they name none."""
    return Request(settings.method, settings.host or host, tuple(settings.headers.items()), settings.body.encode())


def _content_type(body: bytes) -> str:
    """Return the type of JSON if `body` is an object or a list in JSON, or else that of text."""
    try:
        is_json = isinstance(json.loads(body), dict | list)
    except ValueError:
        is_json = False
    return "application/json" if is_json else "text/plain; charset=utf-8"
