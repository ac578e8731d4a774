"""A WSGI application that announces more than it sends."""

from wsgiref.types import StartResponse, WSGIEnvironment


def app(_environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    start_response("200 OK", [("content-type", "text/plain"), ("content-length", "10")])
    return [b"short"]
