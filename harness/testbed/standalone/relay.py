"""Relays connections between two addresses, as docker-proxy does between a published port and a container.

A stand-alone program: `python -I -S relay.py LISTEN TO...`, pairs of HOST:PORT. Data is copied both ways; where one
side has ended, the relay shuts down that direction only, so that the other side may still answer.
"""

import select
import socket
import sys

BACKLOG = 2048
BUFFER = memoryview(bytearray(65536))


def main(arguments: list[str]) -> None:
    """Listen on each first address and relay its connections to the second one."""
    listeners = {}
    events = select.epoll()
    for listens, to in zip(arguments[::2], arguments[1::2], strict=True):
        listener = listen(address_of(listens))
        listeners[listener.fileno()] = (listener, address_of(to))
        events.register(listener, select.EPOLLIN)
    directions: dict[int, tuple[socket.socket, socket.socket]] = {}  # source and sink, by descriptor of the source
    while True:
        for descriptor, _ in events.poll():
            if descriptor in listeners:
                for source, sink in accept(*listeners[descriptor]):
                    directions[source.fileno()] = (source, sink)
                    events.register(source, select.EPOLLIN)
            elif descriptor in directions and not forward(*directions[descriptor]):
                events.unregister(descriptor)
                source, sink = directions.pop(descriptor)
                if sink.fileno() not in directions:  # both directions have ended
                    source.close()
                    sink.close()


def accept(listener: socket.socket, to: tuple[str, int]) -> list[tuple[socket.socket, socket.socket]]:
    """Accept a connection and connect to `to`; return both directions, or none if nothing listens there."""
    client, _ = listener.accept()
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.connect(to)
    except OSError:
        client.close()
        server.close()
        return []
    return [(client, server), (server, client)]


def forward(source: socket.socket, sink: socket.socket) -> bool:
    """Forward what has arrived; return whether the direction is still open.

    `sink` blocks, so a fast sender waits for a slow receiver.
    """
    try:
        count = source.recv_into(BUFFER)
        if count:
            sink.sendall(BUFFER[:count])
            return True
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return False  # one side has closed
    return False


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
