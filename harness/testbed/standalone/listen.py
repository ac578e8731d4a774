"""Opens a server's listening sockets in this network, and passes them to COMMAND, which may start it in another one.

A stand-alone program: `python -I -S listen.py ADDRESS... -- COMMAND...`. An ADDRESS is HOST:PORT, HOST:PORT/PROTOCOL
with a number as in socket(2), or a path. A socket belongs to the network in which it was made. So the client's
connection stays in this network, while nginx's own connections belong to the network in which COMMAND starts it. nginx
inherits sockets when the variable NGINX lists their descriptors; it upgrades itself this way. gunicorn ignores it.
"""

import os
import socket
import sys
from collections.abc import Iterable

BACKLOG = 511  # nginx's own on Linux
SOCKET_MODE = 0o777  # gunicorn's own; its directory is private


def create_socket(address: str) -> socket.socket:
    """Return a socket of this network for `address`, with nginx's own options; not bound yet. Raises OSError."""
    if address.startswith("/"):
        family, protocol = socket.AF_UNIX, 0
    else:
        family, protocol = socket.AF_INET6 if "]" in address else socket.AF_INET, int(address.partition("/")[2] or 0)
    listener = socket.socket(family, socket.SOCK_STREAM, protocol)
    if family != socket.AF_UNIX:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setblocking(False)
    return listener


def bind_socket(listener: socket.socket, address: str) -> None:
    """Bind a socket to its address. Raises OSError."""
    if listener.family == socket.AF_UNIX:
        listener.bind(address)
        os.chmod(address, SOCKET_MODE)  # noqa: PTH101 - without pathlib it starts twice as fast
        return
    host, _, port = address.partition("/")[0].rpartition(":")
    listener.bind((host.strip("[]"), int(port)))


def nginx_environment(descriptors: Iterable[int]) -> dict[str, str]:
    """Return the environment variable that lists listening sockets for nginx."""
    return {"NGINX": "".join(f"{descriptor};" for descriptor in descriptors)}


def main(arguments: list[str]) -> None:
    """Open the sockets and become COMMAND."""
    divider = arguments.index("--")
    addresses, command = arguments[:divider], arguments[divider + 1 :]
    sockets = [create_socket(address) for address in addresses]
    for listener, address in zip(sockets, addresses, strict=True):
        bind_socket(listener, address)
        listener.listen(BACKLOG)
        listener.set_inheritable(True)
    environment = nginx_environment(listener.fileno() for listener in sockets)
    os.execvpe(command[0], command, os.environ | environment)  # noqa: S606 - an argument list, without a shell


if __name__ == "__main__":
    main(sys.argv[1:])
