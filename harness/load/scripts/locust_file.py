"""Request one URL repeatedly with locust, and record times before locust rounds them."""

import json
import ssl
from collections import Counter
from pathlib import Path
from time import perf_counter
from typing import Any

import gevent
import gevent.ssl
from locust import FastHttpUser, events, task
from locust.contrib.fasthttp import FastResponse
from locust.env import Environment
from locust.exception import StopUser

ASKED = json.loads(Path("asked.json").read_text(encoding="utf-8"))


class LocustRun:
    """The requests of all users together. The last user that stops ends the run."""

    def __init__(self) -> None:
        self.started = self.left = 0
        self.first_s = self.last_s = perf_counter()
        self.latency_us: list[float] = []
        self.failures: Counter[str] = Counter()

    def begins_another(self) -> bool:
        """Return whether to send another request, and count it."""
        if not self.started:
            self.first_s = perf_counter()
        in_time = perf_counter() - self.first_s < ASKED["seconds"]
        begins = bool(in_time if ASKED["seconds"] else self.started < ASKED["requests"])
        self.started += begins
        return begins

    def record(self, response_time: float, response: Any, exception: Exception | None, **_others: object) -> None:
        """Record a request from locust's event; `response_time` is in ms and not yet rounded."""
        self.last_s = perf_counter()
        kind = kind_of(response, exception)
        if kind:
            self.failures[kind] += 1
        else:
            self.latency_us.append(1000 * response_time)

    def write(self, **_others: object) -> None:
        """Write the outcome as JSON."""
        outcome = {
            "latency_us": self.latency_us,
            "failures": self.failures,
            "duration_s": self.last_s - self.first_s,
        }
        Path("outcome.json").write_text(json.dumps(outcome), encoding="utf-8")


class LongBodyError(ConnectionError):
    """A body that is longer than the limit."""


class LimitedResponse(FastResponse):
    """A response that reads a body up to the limit and does not decompress it."""

    def _content(self) -> bytes:
        body = bytearray()
        while piece := self._response.read(self._response.block_size):
            body += piece
            if len(body) > ASKED["most_body_bytes"]:
                self._response.release()
                raise LongBodyError
        return bytes(body)


def kind_of(response: Any, exception: Exception | None) -> str | None:
    """Return the kind of failure, in the words of barehop's client; None if answered correctly."""
    cause = getattr(exception, "original", None) or exception  # locust's client wraps errors that it could retry
    if isinstance(cause, TimeoutError):
        return "timeout"
    if isinstance(cause, LongBodyError):
        return "long body"
    if response.status_code:
        return kind_of_answer(response, exception)
    if isinstance(cause, ssl.SSLError):
        return "tls"
    if isinstance(cause, ConnectionRefusedError):
        return "connection refused"
    return "reset" if isinstance(cause, ConnectionResetError) else "no answer"


def kind_of_answer(response: Any, exception: Exception | None) -> str | None:
    """Return what is wrong with an answer, if anything."""
    if not is_right(response.status_code):
        return f"status {response.status_code}"
    return "short body" if exception or is_short(response) else None


def is_right(status: int) -> bool:
    """Return whether `status` is the proved one, or 2xx."""
    return bool(status == ASKED["status"] if ASKED["status"] else 200 <= status < 300)


def is_short(response: Any) -> bool:
    """Return whether the body is truncated, which locust may not detect."""
    length = response.headers.get("content-length")
    return length is not None and len(response.content or b"") < int(length)


def tls_context() -> ssl.SSLContext:
    """Return a context that trusts the given CA bundle."""
    context: ssl.SSLContext = gevent.ssl.create_default_context(cafile=ASKED["authority"])
    return context


@events.init.add_listener
def prepare(environment: Environment, **_others: object) -> None:
    """Attach the recorder to locust's events."""
    run = LocustRun()
    environment.barehop = run
    environment.events.request.add_listener(run.record)
    environment.events.quitting.add_listener(run.write)


class LocustUser(FastHttpUser):
    """A user that waits for each answer before the next request."""

    host = ASKED["url"]
    network_timeout = connection_timeout = ASKED["timeout_s"]
    default_headers = {  # noqa: RUF012 - locust's own
        "Connection": "keep-alive" if ASKED["keepalive"] else "close",
        **ASKED["headers"],
    }
    insecure = False
    ssl_context_factory = staticmethod(tls_context)

    def on_start(self) -> None:
        """Configure the client."""
        agent = self.client.client
        agent.response_type = LimitedResponse
        agent.valid_response_codes = range(1000)  # we check the status ourselves

    @task
    def visit(self) -> None:
        """Send one request, or stop."""
        if not self.environment.barehop.begins_another():
            raise StopUser
        with gevent.Timeout(ASKED["timeout_s"], TimeoutError):  # locust's own timeouts limit only each wait
            self.client.request(ASKED["method"], ASKED["url"], data=ASKED["body"], allow_redirects=False)

    def on_stop(self) -> None:
        """End the run with the last user."""
        run = self.environment.barehop
        run.left += 1
        if run.left == ASKED["connections"]:
            self.environment.runner.quit()
