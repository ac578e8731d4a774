"""The service as a WSGI application, for gunicorn's sync worker; run it with `gunicorn app.wsgi:app`."""

import json
from wsgiref.types import StartResponse, WSGIEnvironment

from app import answers


def app(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Answer a request like the ASGI application."""
    if environ["REQUEST_METHOD"] != "GET":
        environ["wsgi.input"].read()  # closing a connection with unread data resets it and loses the answer
    try:
        status, kind, body = "200 OK", *_answer(environ["PATH_INFO"])
    except ValueError as error:
        status, kind, body = "400 Bad Request", "text/plain; charset=utf-8", str(error).encode()
    start_response(status, [("content-type", kind), ("content-length", str(len(body)))])
    return [body]


def _answer(path: str) -> tuple[str, bytes]:
    name, slash, number = path.removeprefix("/").partition("/")
    if slash and name == "bytes":
        return "application/octet-stream", answers.sized(number)
    slow = {"spike": answers.spike, "stall": answers.stall}
    answer = slow[name](number) if slash and name in slow else answers.hello()
    return "application/json", json.dumps(answer, separators=(",", ":")).encode()
