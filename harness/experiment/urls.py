"""Parse the url of a service."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from harness.model.experiment import PATH
from harness.model.plugins import USUAL_PORTS

UNIX = "http+unix"
LONGEST_SOCKET_BYTES = 107  # man 7 unix
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Url:
    """A parsed url; `host` is a name, or an address without brackets; with a `socket`, host and port are unused."""

    host: str
    port: int
    path: str
    tls: bool = False
    socket: Path | None = None


def url_problem(text: str) -> str:
    """Return why `text` is not a valid url, as the end of a sentence; "" if it is valid."""
    try:
        parsed(text)
    except ValueError as problem:
        return str(problem)
    return ""


def parsed(text: str) -> Url:
    """Parse a url. Raises ValueError with the end of a sentence."""
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("a url has only visible ASCII characters; write a host with other letters as xn--....")
    parts = urlsplit(_checked(text))
    path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    if parts.fragment or not re.match(PATH, path):
        raise ValueError(f"{parts.path}{parts.fragment and f'#{parts.fragment}'} cannot be requested as a path.")
    if parts.scheme == UNIX:
        return Url("localhost", 0, path, socket=_socket(parts.netloc))
    return Url(_host(parts), _port(parts), path, tls=parts.scheme == "https")


def _checked(text: str) -> str:
    scheme = text.partition("://")[0]
    if scheme not in (*USUAL_PORTS, UNIX):
        raise ValueError("must begin with http://, https:// or http+unix://.")
    try:
        urlsplit(text)
    except ValueError as error:
        raise ValueError(f"is no url: {error}.") from None
    return text


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if "@" in parts.netloc or not (_is_address(host) or _HOST.fullmatch(host)):
        raise ValueError("must name a host and perhaps a port, like http://127.0.0.1:8080/ or http://[::1]:8080/.")
    return host


def _is_address(host: str) -> bool:
    try:
        return not getattr(ip_address(host), "scope_id", None)
    except ValueError:
        return False


def _port(parts: SplitResult) -> int:
    try:
        port = USUAL_PORTS[parts.scheme] if parts.port is None else parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("the port must be a number from 1 to 65535.")
    return port


def _socket(quoted: str) -> Path:
    path = unquote(quoted)
    if not path.startswith("/"):
        raise ValueError(
            "begin with the absolute path of the socket, with %2F for each slash: http+unix://%2Frun%2Fapp.sock/."
        )
    if len(path.encode()) > LONGEST_SOCKET_BYTES:
        raise ValueError(f"the socket's path is longer than the kernel's limit of {LONGEST_SOCKET_BYTES} bytes.")
    return Path(path)
