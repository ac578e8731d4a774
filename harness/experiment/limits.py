"""What no arm can be: names that do not exist, settings that exclude each other, settings that cannot be had yet."""

import re
from collections.abc import Iterable, Iterator, Mapping

from harness import plugins
from harness.experiment.check import sound
from harness.experiment.knobs import knob_problems
from harness.experiment.wording import Problem, did_you_mean, shown
from harness.model import Arm, Settings

CLIENT = "client"
LONGEST_BODY_BYTES = 3000  # that a parameter of nginx.conf can hold

# Settings of the file format that this version would otherwise ignore in silence.
NOT_YET = {
    "network": "this version measures on the network of the host only",
    "cpu_quota": "this version sets no CPU quota",
    "url": "this version measures stacks of its own only",
    "rate": "this version waits for each answer",
    "p99_limit_ms": "this version does not look for a capacity",
    "connections": "this version measures one connection at a time",
}


def setting_limits(table: Mapping[str, object]) -> Iterator[Problem]:
    """Why single settings of `table` cannot be had; those of a wrong type are left out."""
    settings = sound(Settings, table)
    for key, text in (*_unknown_names(settings), *_not_yet(settings), *_misspelt(settings)):
        yield Problem((key,), table[key], text)
    yield from knob_problems(settings.knobs)


def arm_problems(arms: Iterable[Arm]) -> Iterator[str]:
    """Why settings of one arm exclude each other: one sentence for all arms that have them."""
    arms_of: dict[str, list[str]] = {}
    for arm in arms:
        for problem in _impossible(arm.settings):
            arms_of.setdefault(problem, []).append(arm.name)
    for problem, names in arms_of.items():
        yield f"{'Arm' if len(names) == 1 else 'Arms'} {', '.join(map(repr, names))}: {problem}"


def _unknown_names(settings: Settings) -> Iterator[tuple[str, str]]:
    transports = plugins.names("harness.lab.transports")
    if settings.transport not in transports:
        yield "transport", f"there is no such transport.{did_you_mean(settings.transport, transports)}"
    tools = [CLIENT, *plugins.names("harness.load.tools")]
    if settings.tool not in tools:
        yield "tool", f"this version drives no such tool.{did_you_mean(settings.tool, tools)}"


def _not_yet(settings: Settings) -> Iterator[tuple[str, str]]:
    offered = Settings()
    for key, sentence in NOT_YET.items():
        if getattr(settings, key) != getattr(offered, key):
            yield key, f"{sentence}. Leave it out."


def _misspelt(settings: Settings) -> Iterator[tuple[str, str]]:
    module, colon, attribute = settings.app.partition(":")
    if not (module and (attribute or not colon)):
        yield "app", "write it as module:name, like app.main:app."


def sized(path: str) -> int | None:
    """The bytes that a path like /bytes/100 asks for."""
    found = re.fullmatch(r"/bytes/(\d{1,8})(?:\?.*)?", path)
    return int(found[1]) if found else None


def _impossible(settings: Settings) -> Iterator[str]:
    if settings.worker_class == "sync" and settings.upstream_keepalive:
        yield (
            f"worker_class = {shown(settings.worker_class)} excludes upstream_keepalive = "
            f"{shown(settings.upstream_keepalive)}, because gunicorn's sync worker closes every connection. "
            'Set upstream_keepalive to 0, or worker_class to "uvicorn" or "asgi".'
        )
    yield from _broken_chain(settings)


def _broken_chain(settings: Settings) -> Iterator[str]:
    """Why this much of the chain cannot be had with the other settings."""
    without_nginx = settings.chain in ("app-direct", "floor")
    chain = f"chain = {shown(settings.chain)}"
    if without_nginx and settings.tls:
        yield f"{chain} excludes tls = true, because it is nginx that terminates TLS. Leave one of them out."
    if without_nginx and settings.tool != CLIENT and settings.transport != "tcp":
        yield (
            f"{chain} over transport = {shown(settings.transport)} excludes tool = {shown(settings.tool)}, which "
            f"cannot ask a Unix socket. Set tool to {shown(CLIENT)}."
        )
    if settings.chain == "floor" and settings.tool != CLIENT and settings.client_keepalive:
        yield (
            f"{chain} with client_keepalive excludes tool = {shown(settings.tool)}, because the bare server serves one "
            f"connection at a time. Set client_keepalive to false, or tool to {shown(CLIENT)}."
        )
    if settings.chain == "app-direct" and settings.client_keepalive and settings.worker_class == "sync":
        yield f'{chain} excludes client_keepalive with worker_class = "sync", which closes every connection.'
    if settings.chain == "proxy-only" and (sized(settings.path) or 0) > LONGEST_BODY_BYTES:
        yield (
            f"{chain} excludes path = {shown(settings.path)}, because nginx answers at most {LONGEST_BODY_BYTES} "
            "bytes by itself. Ask for less."
        )
