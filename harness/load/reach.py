"""Probe the service behind a url: resolve its name once, and check that it answers with 2xx."""

import os
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from errno import EACCES
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

from harness.errors import ConfigError, HarnessError, LoadError, StackError
from harness.experiment.urls import parsed
from harness.lab.refusals import refusal_hint
from harness.load.ask import ask, quoted
from harness.load.faults import TIMEOUT
from harness.load.other_scheme import scheme_problem
from harness.model import Arm, Reply, Settings, Target, request_for

MOST_ADDRESSES = 8  # addresses of a name to try
LEAST_S = 0.05  # minimum timeout of each address


def reached(arm: Arm) -> tuple[Target, Reply]:
    """Return the target with a resolved address, and its reply.

    Raises LoadError if the service does not answer or fails, ConfigError if the url is wrong.
    """
    name, settings = f"Arm {arm.name!r}", arm.settings
    target, reply = _first_answer(name, settings)
    if problem := scheme_problem(target, reply):
        raise ConfigError(f"{name}: the server of {settings.url} {problem}")
    if isinstance(reply, str):
        raise LoadError(_silent(name, settings, reply))
    if not 200 <= reply.status < 300:
        raise _refused(name, settings, target, reply)
    return target, reply


def service_faults(arm: Arm) -> Iterator[HarnessError]:
    """Yield the error that keeps `arm` from being measured, if any."""
    try:
        reached(arm)
    except HarnessError as problem:
        yield problem


def target_of(settings: Settings) -> Target:
    """Return the target of `settings.url`, not yet resolved."""
    url = parsed(settings.url)
    return Target(
        host=url.host,
        port=url.port,
        path=url.path,
        authority=Path(settings.authority) if settings.authority else None,
        keepalive=settings.client_keepalive,
        socket=url.socket,
        timeout_s=settings.timeout_s,
        tls=url.tls,
        request=request_for(settings, ""),
    )


def _first_answer(name: str, settings: Settings) -> tuple[Target, Reply | str]:
    """Return the first address of the host that answers, with its reply; else the last one and why it did not.

    All addresses together have the timeout of one answer.
    """
    target = target_of(settings)
    reply: Reply | str = "no address"
    ends_s = time.monotonic() + settings.timeout_s
    addresses = _addresses(name, target)[:MOST_ADDRESSES]
    for number, address in enumerate(addresses):
        target = replace(target, address=address)
        share_s = max((ends_s - time.monotonic()) / (len(addresses) - number), LEAST_S)
        try:
            reply = ask(target, target.path, share_s)
        except StackError as error:
            raise LoadError(f"{name}: {error}") from None
        if isinstance(reply, Reply):
            break
    return target, reply


def _addresses(name: str, target: Target) -> list[str]:
    if target.socket:
        return [""]
    addresses = _resolved(target)
    if isinstance(addresses, str):
        raise LoadError(
            f"{name}: the host of {target.url} has no address: {addresses}. Correct the url, or the name resolution."
        )
    return addresses


def _resolved(target: Target) -> list[str] | str:
    """Return the addresses of the host, or why there are none. A thread waits, because the resolver has no timeout."""
    answers: Queue[list[str] | str] = Queue()

    def resolve() -> None:
        try:
            entries = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(str(address[0]) for *_, address in entries)))
        except (OSError, UnicodeError) as error:
            answers.put(getattr(error, "strerror", None) or str(error))

    Thread(target=resolve, daemon=True).start()
    try:
        return answers.get(timeout=target.timeout_s)
    except Empty:
        return f"the name servers did not answer within {target.timeout_s:g} s"


def _silent(name: str, settings: Settings, why: str) -> str:
    url = f"{name}: {settings.url}"
    if why == TIMEOUT:
        return (
            f"{url} did not answer within {settings.timeout_s:g} s, its timeout_s. Fix the service, or set a longer "
            "timeout_s."
        )
    if why.startswith("tls certificate"):
        return f"{url} cannot be trusted: {why.removeprefix('tls ')}"
    if why.startswith("tls "):
        return f"{url} does not answer over TLS: {why.removeprefix('tls ')}"
    if why == os.strerror(EACCES).lower():
        return f"{url} cannot be reached: {why}. Run barehop as a user with write permission for that socket."
    start = f"Start it: {settings.start}" if settings.start else "Start it, or correct the url."
    return f"{url} does not answer: {_at_socket(parsed(settings.url).socket, why)}. {start}"


def _at_socket(path: Path | None, why: str) -> str:
    """Return `why`, with what is at the path of a Unix socket."""
    if path is None or not path.exists():
        return why
    return f"{why}: no server listens on that socket" if path.is_socket() else f"{path} is not a socket"


def _refused(name: str, settings: Settings, target: Target, reply: Reply) -> HarnessError:
    status = f"{name}: {settings.url} answers with status {reply.status}"
    if 300 <= reply.status < 400:
        where = quoted(reply.headers.get("location", ""))
        return ConfigError(f"{status} and redirects to {where}. Give the url that answers with 2xx.")
    hint = refusal_hint(settings, target.host_field, reply)
    advice = f" {hint}" if hint else ""
    if reply.status < 500:
        return ConfigError(f"{status} instead of 2xx. Correct the url.{advice}")
    return LoadError(f"{status} instead of 2xx. Fix the service; see its log.{advice}")
