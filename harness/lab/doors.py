"""Opens the sockets that nginx listens on where it is started, and hands them to an nginx that runs elsewhere.

A stand-alone program: `python -I -S doors.py HOST:PORT... -- COMMAND...`. A socket belongs to the network in which it
was made, whoever accepts from it. So the client's connection stays in this network, while the connections that nginx
makes are of the network in which COMMAND starts it. nginx takes sockets over from whoever started it when the variable
NGINX names their descriptors; it is how it upgrades itself.
"""

import os
import socket
import sys
from collections.abc import Iterable, Sequence

BACKLOG = 511  # nginx's own on Linux


def opened(addresses: Iterable[str]) -> list[socket.socket]:
    """A socket that listens on each address, as nginx would have opened it. Raises OSError."""
    return [_opened(address) for address in addresses]


def named(doors: Sequence[socket.socket]) -> dict[str, str]:
    """The variable of the environment that tells nginx of them."""
    return {"NGINX": "".join(f"{door.fileno()};" for door in doors)}


def main(arguments: list[str]) -> None:
    divide = arguments.index("--")
    addresses, command = arguments[:divide], arguments[divide + 1 :]
    doors = opened(addresses)
    for door in doors:
        door.set_inheritable(True)
    os.execvpe(command[0], command, os.environ | named(doors))  # noqa: S606 - an argument list, without a shell


def _opened(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    door.setblocking(False)
    door.bind((host, int(port)))
    door.listen(BACKLOG)
    return door


if __name__ == "__main__":
    main(sys.argv[1:])
