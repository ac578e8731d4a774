"""Finds the service behind a url: resolves its name once, and sees whether it answers as it must to be measured."""

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

MOST_ADDRESSES = 8  # of one name that are tried
LEAST_S = 0.05  # for each of them


def reached(arm: Arm) -> tuple[Target, Reply]:
    """Whom to ask from now on, by address, and what it answered.

    LoadError: nobody is there, or it is broken; ConfigError: it answers, but the url is not what is to be measured.
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
    """What would keep `arm` from being measured, if anything."""
    try:
        reached(arm)
    except HarnessError as problem:
        yield problem


def target_of(settings: Settings) -> Target:
    """Whom `settings.url` names, not yet resolved."""
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
    """That of the first address of the host which answers at all; else the last that was tried says why not.

    All addresses together have the time of one answer.
    """
    target, reply = target_of(settings), "no address"
    seen: tuple[Target, Reply | str] = (target, reply)
    ends_s = time.monotonic() + settings.timeout_s
    addresses = _addresses(name, target)[:MOST_ADDRESSES]
    for number, address in enumerate(addresses):
        one = replace(target, address=address)
        share_s = max((ends_s - time.monotonic()) / (len(addresses) - number), LEAST_S)
        try:
            seen = (one, ask(one, one.path, share_s))
        except StackError as error:
            raise LoadError(f"{name}: {error}") from None
        if isinstance(seen[1], Reply):
            break
    return seen


def _addresses(name: str, target: Target) -> list[str]:
    if target.socket:
        return [""]
    found = _resolved(target)
    if isinstance(found, str):
        raise LoadError(
            f"{name}: the host of {target.url} has no address: {found}. Correct the url, or the machine's names."
        )
    return found


def _resolved(target: Target) -> list[str] | str:
    """The addresses of the host, or why there are none. The resolver has no timeout of its own, so a thread waits."""
    answers: Queue[list[str] | str] = Queue()

    def resolve() -> None:
        try:
            found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(str(address[0]) for *_, address in found)))
        except (OSError, UnicodeError) as error:
            answers.put(getattr(error, "strerror", None) or str(error))

    Thread(target=resolve, daemon=True).start()
    try:
        return answers.get(timeout=target.timeout_s)
    except Empty:
        return f"the name servers have not answered within {target.timeout_s:g} s"


def _silent(name: str, settings: Settings, why: str) -> str:
    url = f"{name}: {settings.url}"
    if why == TIMEOUT:
        return (
            f"{url} has not answered within {settings.timeout_s:g} s, its timeout_s. Mend the service, or wait longer."
        )
    if why.startswith("tls certificate"):
        return f"{url} cannot be trusted: {why.removeprefix('tls ')}"
    if why.startswith("tls "):
        return f"{url} does not answer over TLS: {why.removeprefix('tls ')}"
    if why == os.strerror(EACCES).lower():
        return f"{url} cannot be asked: {why}. Run barehop as a user who may write to that socket."
    start = f"Start it: {settings.start}" if settings.start else "Start it, or correct the url."
    return f"{url} does not answer: {_at_socket(parsed(settings.url).socket, why)}. {start}"


def _at_socket(path: Path | None, why: str) -> str:
    """`why`, and what is in the place of a socket that nobody answers at."""
    if path is None or not path.exists():
        return why
    return f"{why}, as no server listens on that socket" if path.is_socket() else f"{path} is no socket"


def _refused(name: str, settings: Settings, target: Target, reply: Reply) -> HarnessError:
    status = f"{name}: {settings.url} answers with status {reply.status}"
    if 300 <= reply.status < 400:
        where = quoted(reply.headers.get("location", ""))
        return ConfigError(f"{status} and sends who asks to {where}. Write as url what answers by itself.")
    hint = refusal_hint(settings, target.host_field, reply)
    advice = f" {hint}" if hint else ""
    if reply.status < 500:
        return ConfigError(f"{status} instead of 2xx. Correct the url.{advice}")
    return LoadError(f"{status} instead of 2xx. Mend the service; its log may say what is wrong.{advice}")
