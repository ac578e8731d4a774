"""Relays connections between two addresses, as docker-proxy does between a published port and a container.

A stand-alone program: `python -I -S relay.py LISTEN TO...`, pairs of HOST:PORT. What comes on one side is sent on the
other; where one side has ended, the other is told so, and may still answer.
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
        """What has arrived. The sink blocks: who sends more than it takes waits for it."""
        try:
            count = self.source.recv_into(BUFFER)
            if count:
                self.sink.sendall(BUFFER[:count])
                return
            self.ended = True
            self.sink.shutdown(socket.SHUT_WR)
        except OSError:
            self.ended = True  # one of them has gone


def main(arguments: list[str]) -> None:
    listeners = {}
    events = select.epoll()
    for listens, to in zip(arguments[::2], arguments[1::2], strict=True):
        listener = listening(address_of(listens))
        listeners[listener.fileno()] = (listener, address_of(to))
        events.register(listener, select.EPOLLIN)
    directions: dict[int, Direction] = {}
    while True:
        for descriptor, _ in events.poll():
            if descriptor in listeners:
                accept(*listeners[descriptor], events, directions)
            elif descriptor in directions:
                go_on(descriptor, events, directions)


def accept(
    listener: socket.socket, to: tuple[str, int], events: select.epoll, directions: dict[int, Direction]
) -> None:
    asker, _ = listener.accept()
    answerer = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        answerer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answerer.connect(to)
    except OSError:
        asker.close()
        answerer.close()
        return
    there, back = Direction(asker, answerer), Direction(answerer, asker)
    there.back, back.back = back, there
    for direction in (there, back):
        directions[direction.source.fileno()] = direction
        events.register(direction.source, select.EPOLLIN)


def go_on(descriptor: int, events: select.epoll, directions: dict[int, Direction]) -> None:
    direction = directions[descriptor]
    direction.carry()
    if not direction.ended:
        return
    events.unregister(descriptor)
    del directions[descriptor]
    if direction.back and direction.back.ended:
        direction.source.close()
        direction.sink.close()


def listening(address: tuple[str, int]) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit it
    listener.bind(address)
    listener.listen(BACKLOG)
    return listener


def address_of(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


if __name__ == "__main__":
    main(sys.argv[1:])
