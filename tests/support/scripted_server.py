"""A server on loopback that answers as it is told, one connection after the other or all at once."""

import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread

from harness.model import Target

BODY = b'{"hello": "world"}'

# Given the connection and which request on it this is, from 1; whether it stays open.
Answer = Callable[[socket.socket, int], bool]


@contextmanager
def serving(
    answer: Answer, tls: ssl.SSLContext | None = None, keepalive: bool = False, at_once: bool = False
) -> Iterator[Target]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=_accept_all, args=(listener, answer, tls, at_once))
        thread.start()
        try:
            yield Target("127.0.0.1", listener.getsockname()[1], "/", keepalive=keepalive)
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def whole(body: bytes = BODY, status: str = "200 OK", fields: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{fields}\r\n".encode() + body


def says(reply: bytes, stays: bool = False) -> Answer:
    """Sends the same bytes to every request."""

    def answer(connection: socket.socket, number: int) -> bool:
        connection.sendall(reply)
        return stays

    return answer


def stays_silent(connection: socket.socket, number: int) -> bool:
    connection.recv(1)
    return False


def repeats(beginning: bytes, piece: bytes, every_s: float = 0.0) -> Answer:
    """Sends `beginning` and then `piece` again and again, for as long as anybody listens."""

    def answer(connection: socket.socket, number: int) -> bool:
        connection.sendall(beginning)
        while True:
            connection.sendall(piece)
            time.sleep(every_s)

    return answer


def resets(connection: socket.socket, number: int) -> bool:
    connection.sendall(whole()[:-5])
    close_with_reset(connection)
    return False


def close_with_reset(connection: socket.socket) -> None:
    """Its close, whenever that is, will be a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _accept_all(listener: socket.socket, answer: Answer, tls: ssl.SSLContext | None, at_once: bool) -> None:
    with suppress(OSError):  # accept() fails when the listener is shut down
        while True:
            connection, _ = listener.accept()
            if at_once:
                Thread(target=_serve, args=(connection, answer, tls)).start()
            else:
                _serve(connection, answer, tls)


def _serve(plain: socket.socket, answer: Answer, tls: ssl.SSLContext | None) -> None:
    with suppress(OSError), plain:  # the client may leave at any time
        _talk(tls.wrap_socket(plain, server_side=True) if tls else plain, answer)


def _talk(plain: socket.socket, answer: Answer) -> None:
    with plain as connection:
        number = 1
        while _has_request(connection) and answer(connection, number):
            number += 1


def _has_request(connection: socket.socket) -> bool:
    received = b""
    while not received.endswith(b"\r\n\r\n"):
        piece = connection.recv(4096)
        if not piece:
            return False
        received += piece
    return True
