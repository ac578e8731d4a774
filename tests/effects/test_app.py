"""The measured service answers the same over ASGI and WSGI, and when gunicorn is started by hand."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from app import main, wsgi

CHECKOUT = Path(__file__).parents[2]
BODY = b'{"order": 7}'
Ask = Callable[..., tuple[int, bytes]]


def ask_asgi(path: str, method: str = "GET") -> tuple[int, bytes]:
    sent: list[MutableMapping[str, Any]] = []
    waiting = [] if method == "GET" else [BODY[:4], BODY[4:]]

    async def receive() -> dict[str, Any]:
        piece = waiting.pop(0) if waiting else b""
        return {"type": "http.request", "body": piece, "more_body": bool(waiting)}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": []}
    asyncio.run(main.app(scope, receive, send))
    assert not waiting, "the body is read before the answer"
    return sent[0]["status"], b"".join(message["body"] for message in sent[1:])


def ask_wsgi(path: str, method: str = "GET") -> tuple[int, bytes]:
    statuses: list[str] = []
    waiting = BytesIO(b"" if method == "GET" else BODY)

    def start_response(status: str, *_rest: object) -> Callable[[bytes], object]:
        statuses.append(status)
        return bytes

    body = b"".join(wsgi.app({"PATH_INFO": path, "REQUEST_METHOD": method, "wsgi.input": waiting}, start_response))
    assert waiting.read() == b"", "the body is read before the answer"
    return int(statuses[0].split()[0]), body


both = pytest.mark.parametrize("ask", [ask_asgi, ask_wsgi])


@both
@pytest.mark.parametrize("path", ["/", "/anything/else", "/spike", "/bytes"])
def test_every_path_without_a_meaning_answers_the_seeds_json(ask: Ask, path: str) -> None:
    status, body = ask(path)
    answer = json.loads(body)
    assert status == 200
    assert list(answer) == ["hello", "utcnow", "random"]
    assert answer["hello"] == "world"
    assert 0 <= answer["random"] < 1


@both
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_with_a_body_is_answered_as_get_is(ask: Ask, method: str) -> None:
    status, body = ask("/", method)
    assert (status, list(json.loads(body))) == (200, ["hello", "utcnow", "random"])
    assert ask("/bytes/70", method) == (200, b"x" * 70)
    assert ask("/spike/10", method)[0] == 200
    assert ask("/stall/0", method)[0] == 200
    assert ask("/bytes/many", method)[0] == 400


@both
def test_the_time_is_utc_and_does_not_say_so(ask: Ask) -> None:
    stamp = datetime.fromisoformat(json.loads(ask("/")[1])["utcnow"])
    assert stamp.tzinfo is None
    assert abs((datetime.now(UTC) - stamp.replace(tzinfo=UTC)).total_seconds()) < 60


@both
def test_no_two_answers_are_the_same(ask: Ask) -> None:
    assert ask("/")[1] != ask("/")[1]


@both
def test_a_spike_burns_at_least_its_cpu_time_and_then_answers_the_json(ask: Ask) -> None:
    before_ns = time.thread_time_ns()
    status, body = ask("/spike/30000")
    assert time.thread_time_ns() - before_ns >= 30_000_000
    assert status == 200
    assert json.loads(body)["hello"] == "world"


@both
def test_a_spike_may_have_a_decimal(ask: Ask) -> None:
    before_ns = time.thread_time_ns()
    assert ask("/spike/30000.5")[0] == 200
    assert time.thread_time_ns() - before_ns >= 30_000_500


@both
@pytest.mark.parametrize("size", [0, 1, 4096, 1_000_003])
def test_bytes_answers_exactly_as_many_as_asked_for(ask: Ask, size: int) -> None:
    status, body = ask(f"/bytes/{size}")
    assert (status, len(body)) == (200, size)


@both
@pytest.mark.parametrize("number", ["", "many", "-1", "1.55", "1.", ".5", "1/2", "1000000000", "9" * 5000])
@pytest.mark.parametrize("kind", ["spike", "bytes"])
def test_a_bad_number_is_refused_with_the_number_and_the_range(ask: Ask, kind: str, number: str) -> None:
    status, body = ask(f"/{kind}/{number}")
    assert status == 400
    assert repr(number) in body.decode()
    assert "from 0 to" in body.decode()


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port: int = server.getsockname()[1]
        return port


@contextmanager
def gunicorn(home: Path, *arguments: str) -> Iterator[str]:
    """The address of a gunicorn that was started from the checkout, as one does by hand, with a home of its own."""
    address = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "gunicorn", "--bind", address, *arguments]
    environment = os.environ | {"HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
    with (
        (home / "log").open("wb") as output,
        subprocess.Popen(command, cwd=CHECKOUT, env=environment, stderr=output) as server,
    ):
        try:
            yield f"http://{address}"
        finally:
            server.terminate()


def get(url: str, within_s: float = 30) -> bytes:
    deadline_s = time.monotonic() + within_s
    while True:
        try:
            with urlopen(url, timeout=within_s) as response:
                body: bytes = response.read()
                return body
        except URLError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.05)


@pytest.mark.parametrize(
    "arguments",
    [
        ("-k", "uvicorn_worker.UvicornWorker", "app.main:app"),
        ("-k", "asgi", "app.main:app"),
        ("app.wsgi:app",),
    ],
    ids=["uvicorn", "asgi", "sync"],
)
def test_gunicorn_started_by_hand_serves_it(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    with gunicorn(tmp_path, *arguments) as url:
        assert json.loads(get(f"{url}/"))["hello"] == "world"
        assert json.loads(get(f"{url}/spike/100"))["hello"] == "world"
        assert get(f"{url}/bytes/300000") == b"x" * 300_000
