"""Check the settings of arms: unknown names, values out of range, settings that exclude each other."""

import re
from collections.abc import Iterator, Mapping, Sequence

from harness import plugins
from harness.experiment.check import sound
from harness.experiment.knobs import knob_problems
from harness.experiment.ladder import rung_names
from harness.experiment.requests import broken_request, request_problems
from harness.experiment.urls import parsed, url_problem
from harness.experiment.wording import Problem, did_you_mean, shown
from harness.model import Arm, LoadTool, Settings

CLIENT = "client"
MOST_CONNECTIONS = 1000  # nginx has 8192 for all arms, and a request needs two
TOOLS = "harness.load.tools"
LEAST_QUOTA_CPUS = 0.01  # the kernel's minimum: 1 ms of each 100
LONGEST_BODY_BYTES = 3000  # the longest parameter in nginx.conf


def setting_limits(table: Mapping[str, object]) -> Iterator[Problem]:
    """Yield the problems of single settings of `table`, except those of a wrong type."""
    settings = sound(Settings, table)
    for key, text in (*_unknown_names(settings), *_misspelt(settings), *_quota(settings)):
        yield Problem((key,), table[key], text)
    yield from (Problem(*parts) for parts in request_problems(settings))
    yield from knob_problems(settings.knobs)


def arm_problems(arms: Sequence[Arm]) -> Iterator[str]:
    """Yield a sentence for each conflict between settings of an arm, with all arms that have it."""
    arms_of: dict[str, list[str]] = {}
    for arm in arms:
        for problem in _impossible(arm.settings):
            arms_of.setdefault(problem, []).append(arm.name)
    limited = [arm.name for arm in arms if arm.settings.p99_limit_ms]
    if 0 < len(limited) < len(arms):
        yield (
            f"p99_limit_ms is set for {', '.join(map(repr, limited))} only: a run searches the capacity of all arms "
            "or of none. Move it to [arm], or remove it."
        )
    for problem, names in arms_of.items():
        yield f"{'Arm' if len(names) == 1 else 'Arms'} {', '.join(map(repr, names))}: {problem}"


def _unknown_names(settings: Settings) -> Iterator[tuple[str, str]]:
    transports = plugins.names("harness.lab.transports")
    if settings.transport not in transports:
        yield "transport", f"there is no such transport.{did_you_mean(settings.transport, transports)}"
    tools = [CLIENT, *plugins.names(TOOLS)]
    if settings.tool not in tools:
        yield "tool", f"this version drives no such tool.{did_you_mean(settings.tool, tools)}"
    yield from rung_names(settings)


def _quota(settings: Settings) -> Iterator[tuple[str, str]]:
    if 0 < settings.cpu_quota < LEAST_QUOTA_CPUS:
        yield "cpu_quota", f"the kernel's minimum is {LEAST_QUOTA_CPUS}. Give more, or 0 for none."


def _misspelt(settings: Settings) -> Iterator[tuple[str, str]]:
    module, colon, attribute = settings.app.partition(":")
    if not (module and (attribute or not colon)):
        yield "app", "write it as module:name, like app.main:app."
    if isinstance(settings.rate, str) and not float(settings.rate.rstrip("%")):
        yield "rate", "must be more than 0 %. To send each request after the previous answer, write rate = 0."
    if settings.url and (text := url_problem(settings.url)):
        yield "url", text


def sized(path: str) -> int | None:
    """Return the size of the body that a path like /bytes/100 requests; None for other paths."""
    match = re.fullmatch(r"/bytes/(\d{1,8})(?:\?.*)?", path)
    return int(match[1]) if match else None


def _impossible(settings: Settings) -> Iterator[str]:
    if settings.worker_class == "sync" and settings.upstream_keepalive:
        yield (
            f"worker_class = {shown(settings.worker_class)} excludes upstream_keepalive = "
            f"{shown(settings.upstream_keepalive)}, because gunicorn's sync worker closes every connection. "
            'Set upstream_keepalive to 0, or worker_class to "uvicorn", "asgi" or "gthread".'
        )
    if settings.threads > 1 and settings.worker_class != "gthread":
        yield (
            f"worker_class = {shown(settings.worker_class)} excludes threads = {settings.threads}, because only "
            'gunicorn\'s gthread worker has threads. Set worker_class to "gthread", or leave threads out.'
        )
    yield from broken_request(settings)
    yield from _broken_chain(settings)
    yield from _broken_rung(settings)
    yield from _broken_service(settings)
    yield from _broken_load(settings)
    if settings.tool in plugins.names(TOOLS):
        yield from _tool_limits(settings)


def _tool_limits(settings: Settings) -> Iterator[str]:
    """Yield why an external tool does not support these settings."""
    if not settings.tool_seconds and settings.connections > settings.tool_requests:
        yield (
            f"connections = {settings.connections} excludes tool_requests = {settings.tool_requests}, because each "
            f"connection of {settings.tool} makes at least one request. Ask for more requests."
        )
    yield from plugins.load(TOOLS, settings.tool, LoadTool).refuses(settings)


def _broken_chain(settings: Settings) -> Iterator[str]:
    """Yield conflicts of `chain` with other settings."""
    without_nginx = settings.chain in ("app-direct", "floor")
    chain = f"chain = {shown(settings.chain)}"
    if without_nginx and settings.tls:
        yield f"{chain} excludes tls = true, because it is nginx that terminates TLS. Leave one of them out."
    if without_nginx and settings.tool != CLIENT and settings.transport != "tcp":
        yield (
            f"{chain} over transport = {shown(settings.transport)} excludes tool = {shown(settings.tool)}, which "
            f"does not support Unix sockets. Set tool to {shown(CLIENT)}."
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
            "bytes by itself. Request less."
        )


def _broken_rung(settings: Settings) -> Iterator[str]:
    """Yield a conflict of `network` with a chain that does not include its connection."""
    needs = ("full", "proxy-only") if settings.network_leg == "front" else ("full",)
    if settings.network != "host" and settings.chain not in needs:
        between = "the client and nginx" if settings.network_leg == "front" else "nginx and the app"
        yield (
            f"chain = {shown(settings.chain)} excludes network = {shown(settings.network)}, which is between "
            f"{between}. Leave one of them out."
        )


def _broken_service(settings: Settings) -> Iterator[str]:
    """Yield conflicts of a valid `url` with other settings."""
    if not settings.url or url_problem(settings.url):
        return
    url, given = parsed(settings.url), f"url = {shown(settings.url)}"
    if url.socket and settings.tool != CLIENT:
        yield (
            f"{given} excludes tool = {shown(settings.tool)}, which does not support Unix sockets. "
            f"Set tool to {shown(CLIENT)}."
        )
    if settings.authority and not url.tls:
        yield f"{given} excludes authority = {shown(settings.authority)}, which only https needs. Leave it out."
    if settings.pids and settings.cgroup:
        yield (
            f"pids = {shown(settings.pids)} excludes cgroup = {shown(settings.cgroup)}: both select the processes "
            "whose CPU time is read. Keep one of them."
        )


def _broken_load(settings: Settings) -> Iterator[str]:
    """Yield conflicts of the settings that decide when requests are sent."""
    modes = {
        "connections": settings.connections if settings.connections > 1 else 0,
        "rate": settings.rate,
        "p99_limit_ms": settings.p99_limit_ms,
    }
    given = [f"{key} = {shown(value)}" for key, value in modes.items() if value]
    if len(given) > 1:
        yield (
            f"{' excludes '.join(given)}: connections fixes the number of pending requests (closed loop), rate fixes "
            "the number sent per second (open loop), and p99_limit_ms searches a rate. Keep one of them."
        )
    if given and settings.chain == "floor":
        yield f'{given[0]} excludes chain = "floor", whose bare server serves one connection at a time.'
    if (settings.rate or settings.p99_limit_ms) and settings.tool != CLIENT:
        yield f"{given[-1]} excludes tool = {shown(settings.tool)}: only barehop's own client supports rates."
    if settings.connections > MOST_CONNECTIONS:
        yield f"connections = {settings.connections} is more than nginx's limit here, which is {MOST_CONNECTIONS}."
