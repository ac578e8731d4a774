"""Every client sends the same method, Host, headers and body."""

import re
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread

import pytest

from harness import plugins
from harness.load.client import open_client
from harness.load.connections import open_pool
from harness.load.loops import closed_loop_burst
from harness.load.probe import probe_target
from harness.load.visits import run_tool
from harness.model import LoadTool, Reply, Request, Settings, Target

TOOLS = ("ab", "wrk", "hey", "h2load", "k6", "locust", "molotov", "pyperf")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nok"
JSON = b'{"name": "two words", "letters": "\xc3\xa4\xe2\x82\xac"}'


@dataclass(frozen=True)
class Received:
    method: str
    fields: dict[str, list[str]]  # by name in lower case
    body: bytes


def request_on(connection: socket.socket) -> Received | None:
    """The first whole request that comes, its body as long as its Content-Length says."""
    data = b""
    while b"\r\n\r\n" not in data.lstrip():
        if not (piece := connection.recv(65536)):
            return None
        data += piece
    head, _, body = data.lstrip().partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    fields: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        fields.setdefault(name.lower(), []).append(value.strip())
    while len(body) < int(fields.get("content-length", ["0"])[0]):
        body += connection.recv(65536)
    return Received(first.split(" ")[0], fields, body)


@contextmanager
def recording() -> Iterator[tuple[Target, list[Received]]]:
    """A server that answers each request with 200 and keeps what it was sent."""
    received: list[Received] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, suppress(ConnectionError):
                    if request := request_on(connection):
                        received.append(request)
                        connection.sendall(OK)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=serve)
        thread.start()
        try:
            yield Target("127.0.0.1", listener.getsockname()[1], "/a?b=1"), received
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def by_question(target: Target, _directory: Path) -> None:
    assert isinstance(probe_target(target, target.path), Reply)


def by_client(target: Target, _directory: Path) -> None:
    with open_client(target) as burst:
        assert burst(0, 2).failures == {}


def by_crowd(target: Target, _directory: Path) -> None:
    with open_pool(target) as many:
        assert closed_loop_burst(many, 1, 0, 2).failures == {}


def by_tool(name: str) -> Callable[[Target, Path], None]:
    def send(target: Target, directory: Path) -> None:
        tool = plugins.load(LoadTool, name)
        program = sys.executable if name == "pyperf" else shutil.which(tool.program)
        if program is None:
            pytest.skip(f"{name} is not installed")
        settings = Settings(tool_requests=2, tool_seconds=0.01 if name == "pyperf" else 0)
        outcome = run_tool(tool, program, target, settings, directory)
        assert outcome.failures == {}

    return send


CLIENTS = {"ask": by_question, "client": by_client, "crowd": by_crowd, **{name: by_tool(name) for name in TOOLS}}
REQUESTS = {
    "host": Request(host="shop.example.org"),
    "host and port": Request(host="localhost:8000"),
    "headers": Request(host="localhost", headers=(("Authorization", "Bearer a:b c"), ("X-Long", "y" * 6000))),
    "accept": Request(host="localhost", headers=(("Accept", "application/json"),)),
    "agent": Request(host="localhost", headers=(("User-Agent", "mine"),)),
    "json": Request("POST", "localhost", (), JSON),
    "typed": Request("PUT", "localhost", (("content-type", "text/csv"),), b"a;b\r\nc;d\n"),
    "patch": Request("PATCH", "localhost", (("X-A", "1"),), b"x" * 100_000),
    "delete": Request("DELETE", "localhost", (), b"why"),
    "empty": Request("POST", "localhost"),
    "options": Request("OPTIONS", "localhost"),
}


BY_PYPERF = ("host", "headers", "json", "options")  # it sends by our client, and takes long to start


@pytest.mark.needs_tools
@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in REQUESTS for name in CLIENTS if name != "pyperf" or kind in BY_PYPERF]
)
def test_every_client_sends_what_is_asked_for(kind: str, name: str, tmp_path: Path) -> None:
    request = REQUESTS[kind]
    if (name, kind) == ("hey", "agent"):
        pytest.skip("hey writes its own, and says so before anything starts")
    with recording() as (target, received):
        CLIENTS[name](replace(target, request=request), tmp_path / "run")

    assert len(received) >= (1 if name == "ask" else 2)
    for seen in received:
        assert (seen.method, seen.body) == (request.method, request.body)
        assert seen.fields["host"] == [request.host]
        for field, value in request.all_headers:
            assert [re.sub("; ?charset", "; charset", text) for text in seen.fields[field.lower()]] == [value], field
        assert seen.fields.get("content-length", ["0"]) == [str(len(request.body))]


def test_the_type_of_a_body_is_told_by_the_body_or_by_a_header() -> None:
    assert Request("POST", body=b"[1, 2]").all_headers == (("Content-Type", "application/json"),)
    assert Request("POST", body=b"12").all_headers == (("Content-Type", "text/plain; charset=utf-8"),)
    assert Request("POST", headers=(("CONTENT-TYPE", "a/b"),), body=b"[]").all_headers == (("CONTENT-TYPE", "a/b"),)
    assert Request("POST").all_headers == ()
