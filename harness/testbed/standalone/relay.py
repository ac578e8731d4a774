"""Relays connections between two addresses, as docker-proxy does between a published port and a container.

A stand-alone program: `python -I -S relay.py LISTEN TO...`, pairs of HOST:PORT. Data is copied both ways; where one
side has ended, the relay shuts down that direction only, so that the other side may still answer.
"""

import select
import socket
import sys

BACKLOG = 2048
BUFFER = memoryview(bytearray(65536))


class Direction:
    """One direction of a connection: what `source` sends goes to `sink`."""

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self.source, self.sink = source, sink
        self.ended = False
        self.back: Direction | None = None

    def carry(self) -> None:
        """Copy what has arrived. `sink` blocks, so a fast sender waits for a slow receiver."""
        try:
            count = self.source.recv_into(BUFFER)
            if count:
                self.sink.sendall(BUFFER[:count])
                return
            self.ended = True
            self.sink.shutdown(socket.SHUT_WR)
        except OSError:
            self.ended = True  # one side has closed


def main(arguments: list[str]) -> None:
    """Listen on each first address and relay its connections to the second one."""
    listeners = {}
    events = select.epoll()
    for listens, to in zip(arguments[::2], arguments[1::2], strict=True):
        listener = listen(address_of(listens))
        listeners[listener.fileno()] = (listener, address_of(to))
        events.register(listener, select.EPOLLIN)
    directions: dict[int, Direction] = {}
    while True:
        for descriptor, _ in events.poll():
            if descriptor in listeners:
                accept(*listeners[descriptor], events, directions)
            elif descriptor in directions:
                relay(descriptor, events, directions)


def accept(
    listener: socket.socket, to: tuple[str, int], events: select.epoll, directions: dict[int, Direction]
) -> None:
    """Accept a connection, connect to `to`, and register both directions."""
    client, _ = listener.accept()
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.connect(to)
    except OSError:
        client.close()
        server.close()
        return
    request, answer = Direction(client, server), Direction(server, client)
    request.back, answer.back = answer, request
    for direction in (request, answer):
        directions[direction.source.fileno()] = direction
        events.register(direction.source, select.EPOLLIN)


def relay(descriptor: int, events: select.epoll, directions: dict[int, Direction]) -> None:
    """Copy what the source of `descriptor` has sent; close the connection when both directions have ended."""
    direction = directions[descriptor]
    direction.carry()
    if not direction.ended:
        return
    events.unregister(descriptor)
    del directions[descriptor]
    if direction.back and direction.back.ended:
        direction.source.close()
        direction.sink.close()


def listen(address: tuple[str, int]) -> socket.socket:
    """Return a socket that listens on `address`."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit it
    listener.bind(address)
    listener.listen(BACKLOG)
    return listener


def address_of(text: str) -> tuple[str, int]:
    """Parse HOST:PORT."""
    host, _, port = text.rpartition(":")
    return host, int(port)


if __name__ == "__main__":
    main(sys.argv[1:])
