"""A server with nothing in it: what a request costs when only the kernel and two small programs take part.

A stand-alone program: `python -I -S bare.py ADDRESS`, which is HOST:PORT or the path of a Unix socket. It answers one
connection at a time, and closes it after its answer when the request says `Connection: close`, else after the client.
The body has the bytes that the path asks for, /bytes/100, or else those of the application's ordinary answer.
"""

import socket
import sys

PATH = b"/bytes/"
BODY = b'{"hello":"world","utcnow":"2021-12-27T00:31:42.383861","random":0.5352573557347882}'
PIECE_BYTES = 65536
MOST_BYTES = 64 * 1024 * 1024


def main(address: str) -> None:
    listener = listening(address)
    answers: dict[bytes, bytes] = {}
    while True:
        connection, _ = listener.accept()
        with connection:
            serve(connection, answers)


def listening(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    if host and port.isdigit():
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit it
        listener.bind((host, int(port)))
    else:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(address)
    listener.listen(2048)
    return listener


def serve(connection: socket.socket, answers: dict[bytes, bytes]) -> None:
    """Answer until either side has had enough; a client that is gone is no error."""
    try:
        while request := received(connection):
            if request not in answers:
                answers[request] = answer(request)
            connection.sendall(answers[request])
            if is_last(request):
                return
    except OSError:
        return


def is_last(request: bytes) -> bool:
    """HTTP/1.0 closes unless asked to keep, HTTP/1.1 keeps unless asked to close."""
    if b" HTTP/1.0\r\n" in request:
        return b"keep-alive" not in request.lower()
    return b"Connection: close" in request


def received(connection: socket.socket) -> bytes:
    """A request up to its empty line; empty when none came."""
    request = b""
    while piece := connection.recv(PIECE_BYTES):
        request += piece
        if request.endswith(b"\r\n\r\n"):
            return request
    return b""


def answer(request: bytes) -> bytes:
    """The whole answer to `request`."""
    path = request.split(b" ", 2)[1].partition(b"?")[0]
    asked = path.removeprefix(PATH)
    sized = path.startswith(PATH) and asked.isdigit() and int(asked) <= MOST_BYTES
    body, kind = (b"x" * int(asked), b"application/octet-stream") if sized else (BODY, b"application/json")
    told = b" HTTP/1.0\r\n" in request and not is_last(request)  # who speaks 1.0 must be told that it is kept
    kept = b"Connection: keep-alive\r\n" if told else b""
    return b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b\r\n%b" % (kind, len(body), kept, body)


if __name__ == "__main__":
    main(sys.argv[1])
