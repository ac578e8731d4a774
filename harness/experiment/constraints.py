"""Which settings exclude each other, and which values an arm cannot have."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from harness import plugins
from harness.experiment.problems import ConfigProblem, did_you_mean, to_toml, valid_subset
from harness.experiment.requests import request_conflicts, request_problems
from harness.experiment.transports import is_tcp, network_rungs, transports
from harness.model import Arm, Knob, KnobValue, LoadTool, SandboxRung, Settings
from harness.model.http import parse_url, requested_bytes, url_problem
from harness.model.knobs import sysctl_traffic

SYSCTL_NAME = re.compile(r"[A-Za-z0-9_-]+([./][A-Za-z0-9_:-]+)+")
OWN_CLIENT = "client"
MAX_CONNECTIONS = 1000  # nginx has 8192 for all arms, and a request needs two
MIN_QUOTA_CPUS = 0.01  # the kernel's minimum: 1 ms of each 100
MAX_NGINX_BODY_BYTES = 3000  # the longest parameter in nginx.conf


def knob_problems(knobs: Mapping[str, KnobValue]) -> Iterator[ConfigProblem]:
    """Yield unknown names and invalid values. Any name in the form of a sysctl is valid here."""
    ours = plugins.table(Knob)
    for name, value in knobs.items():
        place = ("knobs", name)
        if name in ours:
            if text := ours[name].problem(value):
                yield ConfigProblem(place, value, text)
        elif not SYSCTL_NAME.fullmatch(name):
            known = [*ours, "any sysctl by its name"]
            yield ConfigProblem(place, value, f"there is no such knob.{did_you_mean(name, known)}")


def tcp_only_knobs(names: Iterable[str]) -> Iterator[str]:
    """Yield the knobs that can affect only TCP connections."""
    ours = plugins.table(Knob)
    for name in names:
        touches = ours[name].touches if name in ours else sysctl_traffic(name)
        if touches == "tcp":
            yield name


def setting_value_problems(table: Mapping[str, object]) -> Iterator[ConfigProblem]:
    """Yield the problems of single settings of `table`, except those of a wrong type."""
    settings = valid_subset(Settings, table)
    for key, text in (*_unknown_name_problems(settings), *_format_problems(settings), *_quota_problems(settings)):
        yield ConfigProblem((key,), table[key], text)
    yield from (ConfigProblem(*parts) for parts in request_problems(settings))
    yield from knob_problems(settings.knobs)


def arm_problems(arms: Sequence[Arm]) -> Iterator[str]:
    """Yield a sentence for each conflict between settings of an arm, with all arms that have it."""
    arms_of: dict[str, list[str]] = {}
    for arm in arms:
        for problem in _setting_conflicts(arm.settings):
            arms_of.setdefault(problem, []).append(arm.name)
    limited = [arm.name for arm in arms if arm.settings.p99_limit_ms]
    if 0 < len(limited) < len(arms):
        yield (
            f"p99_limit_ms is set for {', '.join(map(repr, limited))} only: a run searches the capacity of all arms "
            "or of none. Move it to [arm], or remove it."
        )
    for problem, names in arms_of.items():
        yield f"{'Arm' if len(names) == 1 else 'Arms'} {', '.join(map(repr, names))}: {problem}"


def _unknown_name_problems(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.transport not in transports():
        yield "transport", f"there is no such transport.{did_you_mean(settings.transport, transports())}"
    tools = [OWN_CLIENT, *plugins.names(LoadTool)]
    if settings.tool not in tools:
        yield "tool", f"this version drives no such tool.{did_you_mean(settings.tool, tools)}"
    sandbox = plugins.names(SandboxRung)
    if settings.network not in network_rungs():
        yield "network", f"there is no such rung.{did_you_mean(settings.network, network_rungs())}"
    for name in dict.fromkeys(settings.sandbox):
        if name not in sandbox:
            yield "sandbox", f"there is no such rung as {to_toml(name)}.{did_you_mean(name, sandbox)}"
        elif settings.sandbox.count(name) > 1:
            yield "sandbox", f"{to_toml(name)} is listed more than once. Once is enough."


def _quota_problems(settings: Settings) -> Iterator[tuple[str, str]]:
    if 0 < settings.cpu_quota < MIN_QUOTA_CPUS:
        yield "cpu_quota", f"the kernel's minimum is {MIN_QUOTA_CPUS}. Give more, or 0 for none."


def _format_problems(settings: Settings) -> Iterator[tuple[str, str]]:
    module, colon, attribute = settings.app.partition(":")
    if not (module and (attribute or not colon)):
        yield "app", "write it as module:name, like app.main:app."
    if isinstance(settings.rate, str) and not float(settings.rate.rstrip("%")):
        yield "rate", "must be more than 0 %. To send each request after the previous answer, write rate = 0."
    if settings.url and (text := url_problem(settings.url)):
        yield "url", text


def _setting_conflicts(settings: Settings) -> Iterator[str]:
    if settings.worker_class == "sync" and settings.upstream_keepalive:
        yield (
            f"worker_class = {to_toml(settings.worker_class)} excludes upstream_keepalive = "
            f"{to_toml(settings.upstream_keepalive)}, because gunicorn's sync worker closes every connection. "
            'Set upstream_keepalive to 0, or worker_class to "uvicorn", "asgi" or "gthread".'
        )
    if settings.threads > 1 and settings.worker_class != "gthread":
        yield (
            f"worker_class = {to_toml(settings.worker_class)} excludes threads = {settings.threads}, because only "
            'gunicorn\'s gthread worker has threads. Set worker_class to "gthread", or leave threads out.'
        )
    yield from request_conflicts(settings)
    yield from _chain_conflicts(settings)
    yield from _rung_conflicts(settings)
    yield from _service_conflicts(settings)
    yield from _load_conflicts(settings)
    if settings.tool in plugins.names(LoadTool):
        yield from _tool_conflicts(settings)


def _tool_conflicts(settings: Settings) -> Iterator[str]:
    """Yield why an external tool does not support these settings."""
    if not settings.tool_seconds and settings.connections > settings.tool_requests:
        yield (
            f"connections = {settings.connections} excludes tool_requests = {settings.tool_requests}, because each "
            f"connection of {settings.tool} makes at least one request. Ask for more requests."
        )
    yield from plugins.load(LoadTool, settings.tool).setting_problems(settings)


def _chain_conflicts(settings: Settings) -> Iterator[str]:
    """Yield conflicts of `chain` with other settings."""
    without_nginx = settings.chain in ("app-direct", "floor")
    chain = f"chain = {to_toml(settings.chain)}"
    if without_nginx and settings.tls:
        yield f"{chain} excludes tls = true, because it is nginx that terminates TLS. Leave one of them out."
    if without_nginx and settings.tool != OWN_CLIENT and not is_tcp(settings.transport):
        yield (
            f"{chain} over transport = {to_toml(settings.transport)} excludes tool = {to_toml(settings.tool)}, which "
            f"does not support Unix sockets. Set tool to {to_toml(OWN_CLIENT)}."
        )
    if settings.chain == "floor" and settings.tool != OWN_CLIENT and settings.client_keepalive:
        yield (
            f"{chain} with client_keepalive excludes tool = {to_toml(settings.tool)}, because the bare server "
            "serves one "
            f"connection at a time. Set client_keepalive to false, or tool to {to_toml(OWN_CLIENT)}."
        )
    if settings.chain == "app-direct" and settings.client_keepalive and settings.worker_class == "sync":
        yield f'{chain} excludes client_keepalive with worker_class = "sync", which closes every connection.'
    if settings.chain == "proxy-only" and (requested_bytes(settings.path) or 0) > MAX_NGINX_BODY_BYTES:
        yield (
            f"{chain} excludes path = {to_toml(settings.path)}, because nginx answers at most {MAX_NGINX_BODY_BYTES} "
            "bytes by itself. Request less."
        )


def _rung_conflicts(settings: Settings) -> Iterator[str]:
    """Yield a conflict of `network` with a chain that does not include its connection."""
    needs = ("full", "proxy-only") if settings.network_leg == "front" else ("full",)
    if settings.network != "host" and settings.chain not in needs:
        between = "the client and nginx" if settings.network_leg == "front" else "nginx and the app"
        yield (
            f"chain = {to_toml(settings.chain)} excludes network = {to_toml(settings.network)}, which is between "
            f"{between}. Leave one of them out."
        )


def _service_conflicts(settings: Settings) -> Iterator[str]:
    """Yield conflicts of a valid `url` with other settings."""
    if not settings.url or url_problem(settings.url):
        return
    url, given = parse_url(settings.url), f"url = {to_toml(settings.url)}"
    if url.socket and settings.tool != OWN_CLIENT:
        yield (
            f"{given} excludes tool = {to_toml(settings.tool)}, which does not support Unix sockets. "
            f"Set tool to {to_toml(OWN_CLIENT)}."
        )
    if settings.authority and not url.tls:
        yield f"{given} excludes authority = {to_toml(settings.authority)}, which only https needs. Leave it out."
    if settings.pids and settings.cgroup:
        yield (
            f"pids = {to_toml(settings.pids)} excludes cgroup = {to_toml(settings.cgroup)}: both select the processes "
            "whose CPU time is read. Keep one of them."
        )


def _load_conflicts(settings: Settings) -> Iterator[str]:
    """Yield conflicts of the settings that decide when requests are sent."""
    modes = {
        "connections": settings.connections if settings.connections > 1 else 0,
        "rate": settings.rate,
        "p99_limit_ms": settings.p99_limit_ms,
    }
    given = [f"{key} = {to_toml(value)}" for key, value in modes.items() if value]
    if len(given) > 1:
        yield (
            f"{' excludes '.join(given)}: connections fixes the number of pending requests (closed loop), rate fixes "
            "the number sent per second (open loop), and p99_limit_ms searches a rate. Keep one of them."
        )
    if given and settings.chain == "floor":
        yield f'{given[0]} excludes chain = "floor", whose bare server serves one connection at a time.'
    if (settings.rate or settings.p99_limit_ms) and settings.tool != OWN_CLIENT:
        yield f"{given[-1]} excludes tool = {to_toml(settings.tool)}: only barehop's own client supports rates."
    if settings.connections > MAX_CONNECTIONS:
        yield f"connections = {settings.connections} is more than nginx's limit here, which is {MAX_CONNECTIONS}."
