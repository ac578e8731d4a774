"""Finds the service behind a url: resolves its name once, and sees whether it answers as it must to be measured."""

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from harness.errors import ConfigError, HarnessError, LoadError, StackError
from harness.experiment.urls import parsed
from harness.experiment.wording import shown
from harness.load.ask import ask
from harness.load.faults import TIMEOUT
from harness.model import Arm, Reply, Settings, Target

MOST_ADDRESSES = 8  # of one name that are tried


def reached(arm: Arm) -> tuple[Target, Reply]:
    """Whom to ask from now on, by address, and what it answered.

    LoadError: nobody is there, or it is broken; ConfigError: it answers, but the url is not what is to be measured.
    """
    name, settings = f"Arm {arm.name!r}", arm.settings
    target, reply = _first_answer(name, settings)
    if isinstance(reply, str):
        raise LoadError(_silent(name, settings, reply))
    if not 200 <= reply.status < 300:
        raise _refused(name, settings, reply)
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
    )


def _first_answer(name: str, settings: Settings) -> tuple[Target, Reply | str]:
    """That of the first address of the host which answers at all; else the last that was tried says why not."""
    target, reply = target_of(settings), "no address"
    seen: tuple[Target, Reply | str] = (target, reply)
    for address in _addresses(name, target)[:MOST_ADDRESSES]:
        one = replace(target, address=address)
        try:
            seen = (one, ask(one, one.path, settings.timeout_s))
        except StackError as error:
            raise LoadError(f"{name}: {error}") from None
        if isinstance(seen[1], Reply):
            break
    return seen


def _addresses(name: str, target: Target) -> list[str]:
    if target.socket:
        return [""]
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise LoadError(
            f"{name}: the host of {target.url} has no address: {error.strerror or error}. Correct the url, or the "
            "machine's names."
        ) from None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _silent(name: str, settings: Settings, why: str) -> str:
    url = f"{name}: {settings.url}"
    if why == TIMEOUT:
        return (
            f"{url} has not answered within {settings.timeout_s:g} s, its timeout_s. Mend the service, or wait longer."
        )
    if why.startswith("tls "):
        return (
            f"{url} cannot be trusted: {why.removeprefix('tls ')}. Name the certificate of its authority as authority."
        )
    if why == os.strerror(13).lower():
        return f"{url} cannot be asked: {why}. Run barehop as a user who may write to that socket."
    start = f"Start it: {settings.start}" if settings.start else "Start it, or correct the url."
    return f"{url} does not answer: {why}. {start}"


def _refused(name: str, settings: Settings, reply: Reply) -> HarnessError:
    status = f"{name}: {settings.url} answers with status {reply.status}"
    if 300 <= reply.status < 400:
        where = shown(reply.headers.get("location", ""))
        return ConfigError(f"{status} and sends who asks to {where}. Write as url what answers by itself.")
    if reply.status < 500:
        return ConfigError(f"{status} instead of 2xx. Correct the url.")
    return LoadError(f"{status} instead of 2xx. Mend the service; its log may say what is wrong.")
