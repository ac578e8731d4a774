"""A null server: a request to it costs only the kernel and two small programs.

A stand-alone program: `python -I -S null_server.py ADDRESS`, which is HOST:PORT or the path of a Unix socket. It serves
one connection at a time, and closes it after its answer when the request says `Connection: close`, else after the
client. The body has as many bytes as the path asks for, /bytes/100, or is the application's ordinary answer.
"""

import socket
import sys

SIZE_PATH = b"/bytes/"
DEFAULT_BODY = b'{"hello":"world","utcnow":"2021-12-27T00:31:42.383861","random":0.5352573557347882}'
PIECE_BYTES = 65536
MAX_BODY_BYTES = 64 * 1024 * 1024


def main(address: str) -> None:
    """Serve one connection after the other, for ever."""
    listener = listen(address)
    answers: dict[bytes, bytes] = {}
    while True:
        connection, _ = listener.accept()
        with connection:
            serve(connection, answers)


def listen(address: str) -> socket.socket:
    """Return a socket that listens on `address`."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit():
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit it
        listener.bind((host.strip("[]"), int(port)))
    else:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(address)
    listener.listen(2048)
    return listener


def serve(connection: socket.socket, answers: dict[bytes, bytes]) -> None:
    """Answer until either side closes; a client that goes away is no error."""
    try:
        while request := receive(connection):
            if request not in answers:
                answers[request] = answer(request)
            connection.sendall(answers[request])
            if is_last(request):
                return
    except OSError:
        return


def is_last(request: bytes) -> bool:
    """Return whether the connection closes: HTTP/1.0 closes by default, HTTP/1.1 keeps by default."""
    if b" HTTP/1.0\r\n" in request:
        return b"keep-alive" not in request.lower()
    return b"Connection: close" in request


def receive(connection: socket.socket) -> bytes:
    """Return a request up to its empty line; b"" when none came."""
    request = b""
    while piece := connection.recv(PIECE_BYTES):
        request += piece
        if request.endswith(b"\r\n\r\n"):
            return request
    return b""


def answer(request: bytes) -> bytes:
    """Return the whole response to `request`."""
    path = request.split(b" ", 2)[1].partition(b"?")[0]
    size = path.removeprefix(SIZE_PATH)
    is_sized = path.startswith(SIZE_PATH) and size.isdigit() and int(size) <= MAX_BODY_BYTES
    body, kind = (b"x" * int(size), b"application/octet-stream") if is_sized else (DEFAULT_BODY, b"application/json")
    must_confirm = b" HTTP/1.0\r\n" in request and not is_last(request)  # clients of HTTP/1.0 rely on it
    kept = b"Connection: keep-alive\r\n" if must_confirm else b""
    return b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b\r\n%b" % (kind, len(body), kept, body)


if __name__ == "__main__":
    main(sys.argv[1])
