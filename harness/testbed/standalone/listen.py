"""Opens nginx's listening sockets in this network and passes them to an nginx that starts in another one.

A stand-alone program: `python -I -S listen.py HOST:PORT... -- COMMAND...`. A socket belongs to the network in which it
was made. So the client's connection stays in this network, while nginx's own connections belong to the network in which
COMMAND starts it. nginx inherits sockets when the variable NGINX lists their descriptors; it upgrades itself this way.
"""

import os
import socket
import sys
from collections.abc import Iterable, Sequence

BACKLOG = 511  # nginx's own on Linux


def open_sockets(addresses: Iterable[str]) -> list[socket.socket]:
    """Return a listening socket for each address, with nginx's own options. Raises OSError."""
    return [_open_socket(address) for address in addresses]


def socket_environment(sockets: Sequence[socket.socket]) -> dict[str, str]:
    """Return the environment variable that lists the sockets for nginx."""
    return {"NGINX": "".join(f"{listener.fileno()};" for listener in sockets)}


def main(arguments: list[str]) -> None:
    """Open the sockets and become COMMAND."""
    divider = arguments.index("--")
    addresses, command = arguments[:divider], arguments[divider + 1 :]
    sockets = open_sockets(addresses)
    for listener in sockets:
        listener.set_inheritable(True)
    os.execvpe(command[0], command, os.environ | socket_environment(sockets))  # noqa: S606 - an argument list, without a shell


def _open_socket(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setblocking(False)
    listener.bind((host, int(port)))
    listener.listen(BACKLOG)
    return listener


if __name__ == "__main__":
    main(sys.argv[1:])
