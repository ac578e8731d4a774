"""Which values a setting cannot have, and which settings exclude each other."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness import plugins
from harness.experiment.own_command import address_conflict, command_problem
from harness.experiment.problems import ConfigProblem, did_you_mean, shorten, to_toml, valid_subset
from harness.experiment.transports import (
    HOST_NETWORK,
    is_in_sockmap,
    is_tcp,
    keeps_loopback,
    network_rungs,
    socket_protocol,
    transports,
)
from harness.model import Arm, Experiment, Knob, KnobValue, LoadTool, SandboxRung, Settings
from harness.model.http import header_bytes, parse_url, requested_bytes, url_problem
from harness.model.plugins import LOOPBACK

SYSCTL_NAME = re.compile(r"[A-Za-z0-9_-]+([./][A-Za-z0-9_:-]+)+")
MAX_PERF_ARMS = 8  # perf counts events of at most so many
OWN_CLIENT = "client"
WSGI_WORKERS = ("sync", "gthread")
WITHOUT_NGINX = ("app-direct", "floor")  # chains
MAX_CONNECTIONS = 1000  # nginx has 8192 for all arms, and a request needs two
MIN_QUOTA_CPUS = 0.01  # the kernel's minimum: 1 ms of each 100
MAX_NGINX_BODY_BYTES = 3000  # the longest parameter in nginx.conf
MAX_HEADERS = 90  # gunicorn accepts 100, with those that clients and nginx add
MAX_HEADER_BYTES = 48_000  # uvicorn accepts 65536, with the rest of the request's head
MAX_REQUEST_BODY_BYTES = 1_000_000  # nginx accepts 1 MiB
MAX_HOST_LENGTH = 255
HEADER_NAME = re.compile(r"[A-Za-z0-9-]+")
HEADER_VALUE = re.compile(r"[!-~]([ -~\t]*[!-~])?")
HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_.])?)(:\d{1,5})?")
CLIENT_HEADERS = {
    "host": "Set host instead",
    "connection": "Set client_keepalive instead",
    "keep-alive": "Set client_keepalive instead",
    "proxy-connection": "Set client_keepalive instead",
    "content-length": "Leave it out: it is set to the length of body",
    "transfer-encoding": "Leave it out: body is sent with its length",
    "expect": "Leave it out: clients send the body at once",
    "upgrade": "Leave it out: each request is answered in HTTP/1.x",
    "te": "Leave it out: trailers are ignored",
    "trailer": "Leave it out: body is sent without trailers",
    "x-barehop-upstream": "Leave it out: barehop proves by it which server answered",
}
KeyAndText = tuple[str, str]


def setting_value_problems(table: Mapping[str, object]) -> Iterator[ConfigProblem]:
    """Yield the problems of single settings of `table`, except those of a wrong type."""
    settings = valid_subset(Settings, table)
    for key, text in (*_unknown_names(settings), *_wrong_values(settings), *_wrong_sizes(settings)):
        yield ConfigProblem((key,), table[key], text)
    for name, value in settings.headers.items():
        if text := _header_problem(name, value):
            yield ConfigProblem(("headers", name), value, text)
    yield from knob_problems(settings.knobs)


def knob_problems(knobs: Mapping[str, KnobValue]) -> Iterator[ConfigProblem]:
    """Yield unknown names and invalid values. Any name in the form of a sysctl is valid here."""
    ours = plugins.table(Knob)
    for name, value in knobs.items():
        text = ours[name].problem(value) if name in ours else ""
        if name not in ours and not SYSCTL_NAME.fullmatch(name):
            text = f"there is no such knob.{did_you_mean(name, [*ours, 'any sysctl by its name'])}"
        if text:
            yield ConfigProblem(("knobs", name), value, text)


def _unknown_names(settings: Settings) -> Iterator[KeyAndText]:
    tools, rungs = [OWN_CLIENT, *plugins.names(LoadTool)], plugins.names(SandboxRung)
    if settings.transport not in transports():
        yield "transport", f"there is no such transport.{did_you_mean(settings.transport, transports())}"
    if settings.tool not in tools:
        yield "tool", f"this version drives no such tool.{did_you_mean(settings.tool, tools)}"
    if settings.network not in network_rungs():
        yield "network", f"there is no such rung.{did_you_mean(settings.network, network_rungs())}"
    for name in dict.fromkeys(settings.sandbox):
        if name not in rungs:
            yield "sandbox", f"there is no such rung as {to_toml(name)}.{did_you_mean(name, rungs)}"
        elif settings.sandbox.count(name) > 1:
            yield "sandbox", f"{to_toml(name)} is listed more than once. Once is enough."


def _wrong_values(settings: Settings) -> Iterator[KeyAndText]:
    if not re.fullmatch(r"[^:]+(:.+)?", settings.app):
        yield "app", "write it as module:name, like app.main:app."
    if settings.command and (text := command_problem(settings.command)):
        yield "command", text
    if isinstance(settings.rate, str) and not float(settings.rate.rstrip("%")):
        yield "rate", "must be more than 0 %. To send each request after the previous answer, write rate = 0."
    if settings.url and (text := url_problem(settings.url)):
        yield "url", text
    if 0 < settings.cpu_quota < MIN_QUOTA_CPUS:
        yield "cpu_quota", f"the kernel's minimum is {MIN_QUOTA_CPUS}. Give more, or 0 for none."
    if settings.host and (len(settings.host) > MAX_HOST_LENGTH or not HOST.fullmatch(settings.host)):
        yield "host", 'must be a host name or an address, perhaps with a port, like "example.org:8080".'
    if settings.connections > MAX_CONNECTIONS:
        yield "connections", f"nginx has at most {MAX_CONNECTIONS} here. Give fewer."


def _wrong_sizes(settings: Settings) -> Iterator[KeyAndText]:
    names = [name.lower() for name in settings.headers]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        yield "headers", f"{twice[0]!r} is given twice: names ignore case. Keep one of them."
    elif len(names) > MAX_HEADERS:
        yield "headers", f"has {len(names)} headers; gunicorn accepts at most {MAX_HEADERS} here. Send fewer."
    elif (size := header_bytes(settings)) > MAX_HEADER_BYTES:
        yield "headers", f"has {size} bytes; servers accept at most {MAX_HEADER_BYTES} here. Send less."
    if (size := len(settings.body.encode(errors="surrogatepass"))) > MAX_REQUEST_BODY_BYTES:
        yield "body", f"has {size} bytes; nginx accepts at most {MAX_REQUEST_BODY_BYTES} here. Send less."


def _header_problem(name: str, value: str) -> str:
    if not HEADER_NAME.fullmatch(name):
        return 'the name of a header has letters, digits and "-" only; nginx drops others.'
    if name.lower() in CLIENT_HEADERS:
        return f"clients set this header themselves. {CLIENT_HEADERS[name.lower()]}."
    if not HEADER_VALUE.fullmatch(value):
        return "the value of a header is visible ASCII on one line, without blanks at its ends."
    return ""


def arm_problems(arms: Sequence[Arm]) -> Iterator[str]:
    """Yield a sentence for each conflict between settings of an arm, with all arms that have it."""
    limited = [arm.name for arm in arms if arm.settings.p99_limit_ms]
    if 0 < len(limited) < len(arms):
        yield (
            f"p99_limit_ms is set for {', '.join(map(repr, limited))} only: a run searches the capacity of all arms "
            "or of none. Move it to [arm], or remove it."
        )
    yield from sentences_on_arms((arm.name, text) for arm in arms for text in _setting_conflicts(arm.settings))


def sentences_on_arms(texts: Iterable[tuple[str, str]]) -> list[str]:
    """Return a sentence for each text of the pairs (arm, text), with all its arms."""
    arms_of: dict[str, list[str]] = {}
    for arm, text in texts:
        arms_of.setdefault(text, []).append(repr(arm))
    return [f"{'Arm' if len(arms) == 1 else 'Arms'} {', '.join(arms)}: {text}" for text, arms in arms_of.items()]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Settings that exclude the last of `keys` where `exists`; `why` ends the sentence that shows their values."""

    keys: tuple[str, ...]
    exists: Callable[[Settings], bool]
    why: str

    def sentence(self, settings: Settings) -> str:
        """Return the sentence on the values of `settings`."""
        *first, last = (f"{key} = {shorten(to_toml(getattr(settings, key)))}" for key in self.keys)
        return f"{' with '.join(first)} excludes {last}{self.why}"


def _setting_conflicts(settings: Settings) -> Iterator[str]:
    if settings.url and url_problem(settings.url):
        settings = settings.model_copy(update={"url": ""})  # that is a problem by itself
    for conflict in CONFLICTS:
        if conflict.exists(settings):
            yield conflict.sentence(settings)
    if settings.transport in transports() and (text := address_conflict(settings)):
        yield f"command = {shorten(to_toml(settings.command))} with transport = {to_toml(settings.transport)}: {text}"
    if settings.tool in plugins.names(LoadTool):
        yield from plugins.load(LoadTool, settings.tool).setting_problems(settings)


def _needs_loopback(transport: str) -> bool:
    """Return whether the transport exists on the loopback interface only, or bypasses any interface."""
    if is_in_sockmap(transport) or socket_protocol(transport):
        return True
    return transport in transports() and transports()[transport].host != LOOPBACK


def _leaves_loopback(settings: Settings) -> bool:
    """Return whether the hop has the addresses of a rung."""
    on_hop = settings.network in network_rungs() and settings.network_leg == "hop"
    return on_hop and not keeps_loopback(settings.network)


def _is_foreign(settings: Settings) -> bool:
    """Return whether an outside tool sends the requests."""
    return settings.tool != OWN_CLIENT


NO_SOCKETS = ', which does not support Unix sockets. Set tool to "client".'
ONE_CONNECTION = ", whose null server serves one connection at a time."
OWN_RATES = ': only barehop\'s own client sends at a rate. Set tool to "client".'
ONE_LOAD = (
    ": connections fixes the number of pending requests (closed loop), rate fixes the number sent per second (open "
    "loop), and p99_limit_ms searches a rate. Keep one of them."
)
CONFLICTS = (
    Conflict(
        ("command", "server"),
        lambda arm: bool(arm.command) and arm.server != "gunicorn",
        ": a command starts its own server. Leave one of them out.",
    ),
    Conflict(
        ("command", "worker_class"),
        lambda arm: bool(arm.command) and arm.worker_class != "uvicorn",
        ", which is a setting of gunicorn. Leave one of them out.",
    ),
    Conflict(
        ("server", "worker_class"),
        lambda arm: arm.server != "gunicorn" and arm.worker_class != "uvicorn",
        ", which is a setting of gunicorn. Leave one of them out.",
    ),
    Conflict(
        ("server", "app"),
        lambda arm: arm.server == "uvicorn" and not arm.command and "(" in arm.app and not arm.app.endswith("()"),
        ", because uvicorn calls a factory without arguments. Name a function that needs none.",
    ),
    Conflict(
        ("chain", "protocol"),
        lambda arm: arm.chain != "full" and arm.protocol != "auto",
        ", which is between nginx and the app. Leave one of them out.",
    ),
    Conflict(
        ("chain", "transport"),
        lambda arm: arm.chain != "full" and socket_protocol(arm.transport) != 0,
        ", which is between nginx and the app: other clients would use plain TCP. Leave one of them out.",
    ),
    Conflict(
        ("server", "transport"),
        lambda arm: arm.server != "gunicorn" and not arm.command and socket_protocol(arm.transport) != 0,
        ', because only gunicorn gets such a socket. Set server to "gunicorn".',
    ),
    Conflict(
        ("command", "transport"),
        lambda arm: bool(arm.command) and socket_protocol(arm.transport) != 0,
        ", because only gunicorn gets such a socket. Leave one of them out.",
    ),
    Conflict(
        ("upstream_keepalive", "transport"),
        lambda arm: arm.upstream_keepalive > 0 and socket_protocol(arm.transport) != 0,
        ", because only new connections are counted and so proved. Set upstream_keepalive to 0.",
    ),
    Conflict(
        ("chain", "hop_tls"),
        lambda arm: arm.chain != "full" and arm.hop_tls != "off",
        ", which is between nginx and the app. Leave one of them out.",
    ),
    Conflict(
        ("worker_class", "protocol"),
        lambda arm: arm.has_gunicorn and arm.worker_class == "uvicorn" and arm.protocol in ("uwsgi", "h2c"),
        ', because that worker speaks HTTP/1 only. Set worker_class to "asgi" or "gthread", also in the other arms.',
    ),
    Conflict(
        ("server", "protocol"),
        lambda arm: arm.server == "uvicorn" and not arm.command and arm.protocol in ("uwsgi", "h2c"),
        ', because uvicorn speaks HTTP/1 only. Set server to "gunicorn", with worker_class "asgi".',
    ),
    Conflict(
        ("server", "hop_tls"),
        lambda arm: arm.server != "gunicorn" and not arm.command and arm.hop_tls != "off",
        ', because only gunicorn gets a certificate. Set server to "gunicorn".',
    ),
    Conflict(
        ("command", "hop_tls"),
        lambda arm: bool(arm.command) and arm.hop_tls != "off",
        ", because only gunicorn gets a certificate. Leave one of them out.",
    ),
    Conflict(
        ("worker_class", "protocol"),
        lambda arm: arm.worker_class == "sync" and arm.protocol == "h2c",
        ', which gunicorn\'s sync worker does not speak. Set worker_class to "asgi" or "gthread".',
    ),
    Conflict(
        ("protocol", "upstream_keepalive"),
        lambda arm: arm.protocol == "uwsgi" and arm.upstream_keepalive > 0,
        ", because nginx keeps no uwsgi connections. Set upstream_keepalive to 0.",
    ),
    Conflict(
        ("protocol", "upstream_keepalive"),
        lambda arm: arm.protocol == "http/1.0" and arm.upstream_keepalive > 0,
        ', because nginx keeps connections with HTTP/1.1. Set protocol to "http/1.1", or upstream_keepalive to 0.',
    ),
    Conflict(
        ("protocol", "path"),
        lambda arm: arm.protocol == "uwsgi" and "%" in arm.path,
        ", because uwsgi carries a path without its escapes. Request another path.",
    ),
    Conflict(
        ("protocol", "hop_tls"),
        lambda arm: arm.protocol == "h2c" and arm.hop_tls != "off",
        ", because h2c is HTTP/2 without TLS. Leave one of them out.",
    ),
    Conflict(
        ("worker_class", "hop_tls"),
        lambda arm: arm.worker_class in WSGI_WORKERS and arm.hop_tls == "resumed",
        ", because that worker makes a TLS context for each connection and so resumes no session. Set hop_tls to "
        '"full", or worker_class to "uvicorn" or "asgi".',
    ),
    Conflict(
        ("worker_class", "upstream_keepalive"),
        lambda arm: arm.worker_class == "sync" and arm.upstream_keepalive > 0,
        ", because gunicorn's sync worker closes every connection. Set upstream_keepalive to 0, or worker_class to "
        '"uvicorn", "asgi" or "gthread".',
    ),
    Conflict(
        ("worker_class", "threads"),
        lambda arm: arm.worker_class != "gthread" and arm.threads > 1,
        ', because only gunicorn\'s gthread worker has threads. Set worker_class to "gthread", or leave threads out.',
    ),
    Conflict(
        ("body", "method"),
        lambda arm: bool(arm.body) and arm.method == "GET",
        ', whose requests have none. Set method to "POST".',
    ),
    Conflict(
        ("body", "chain"),
        lambda arm: bool(arm.body) and arm.chain == "floor",
        ", whose null server reads no body. Leave it out.",
    ),
    Conflict(
        ("chain", "tls"),
        lambda arm: arm.chain in WITHOUT_NGINX and arm.tls,
        ", because it is nginx that terminates TLS. Leave one of them out.",
    ),
    Conflict(
        ("chain", "transport", "tool"),
        lambda arm: arm.chain in WITHOUT_NGINX and _is_foreign(arm) and not is_tcp(arm.transport),
        NO_SOCKETS,
    ),
    Conflict(
        ("chain", "client_keepalive", "tool"),
        lambda arm: arm.chain == "floor" and arm.client_keepalive and _is_foreign(arm),
        ", because the null server serves one connection at a time. Set client_keepalive to false, or tool to "
        '"client".',
    ),
    Conflict(
        ("chain", "client_keepalive", "worker_class"),
        lambda arm: arm.chain == "app-direct" and arm.client_keepalive and arm.worker_class == "sync",
        ", which closes every connection.",
    ),
    Conflict(
        ("chain", "path"),
        lambda arm: arm.chain == "proxy-only" and (requested_bytes(arm.path) or 0) > MAX_NGINX_BODY_BYTES,
        f", because nginx answers at most {MAX_NGINX_BODY_BYTES} bytes by itself. Request less.",
    ),
    Conflict(
        ("chain", "network"),
        lambda arm: arm.network != HOST_NETWORK and arm.network_leg == "hop" and arm.chain != "full",
        ", which is between nginx and the app. Leave one of them out.",
    ),
    Conflict(
        ("chain", "network"),
        lambda arm: arm.network != HOST_NETWORK and arm.network_leg == "front" and arm.chain in WITHOUT_NGINX,
        ", which is between the client and nginx. Leave one of them out.",
    ),
    Conflict(
        ("chain", "transport"),
        lambda arm: arm.chain != "full" and is_in_sockmap(arm.transport),
        ", because only the sockets of nginx and the app are in the map. Leave one of them out.",
    ),
    Conflict(
        ("transport", "network"),
        lambda arm: _needs_loopback(arm.transport) and _leaves_loopback(arm),
        ', which has addresses of its own. Set transport to "tcp" there.',
    ),
    Conflict(
        ("url", "tool"),
        lambda arm: bool(arm.url and parse_url(arm.url).socket) and _is_foreign(arm),
        NO_SOCKETS,
    ),
    Conflict(
        ("url", "authority"),
        lambda arm: bool(arm.url and arm.authority) and not parse_url(arm.url).tls,
        ", which only https needs. Leave it out.",
    ),
    Conflict(
        ("pids", "cgroup"),
        lambda arm: bool(arm.url and arm.pids and arm.cgroup),
        ": both select the processes whose CPU time is read. Keep one of them.",
    ),
    Conflict(("connections", "rate"), lambda arm: arm.connections > 1 and bool(arm.rate), ONE_LOAD),
    Conflict(("connections", "p99_limit_ms"), lambda arm: arm.connections > 1 and arm.p99_limit_ms > 0, ONE_LOAD),
    Conflict(("rate", "p99_limit_ms"), lambda arm: bool(arm.rate) and arm.p99_limit_ms > 0, ONE_LOAD),
    Conflict(("connections", "chain"), lambda arm: arm.connections > 1 and arm.chain == "floor", ONE_CONNECTION),
    Conflict(("rate", "chain"), lambda arm: bool(arm.rate) and arm.chain == "floor", ONE_CONNECTION),
    Conflict(("p99_limit_ms", "chain"), lambda arm: arm.p99_limit_ms > 0 and arm.chain == "floor", ONE_CONNECTION),
    Conflict(("rate", "tool"), lambda arm: bool(arm.rate) and _is_foreign(arm), OWN_RATES),
    Conflict(("p99_limit_ms", "tool"), lambda arm: arm.p99_limit_ms > 0 and _is_foreign(arm), OWN_RATES),
    Conflict(
        ("tool", "connections", "tool_requests"),
        lambda arm: _is_foreign(arm) and not arm.tool_seconds and arm.connections > arm.tool_requests,
        ", because each connection makes at least one request. Ask for more requests.",
    ),
)


def has_external_tools(experiment: Experiment) -> bool:
    """Return whether any arm has an external load tool."""
    return any(arm.settings.tool != OWN_CLIENT for arm in experiment.arms)


def counting_obstacle(experiment: Experiment) -> str | None:
    """Return why no machine counts events of these arms; "" where there is nothing to count, None if it can."""
    if has_external_tools(experiment):
        return "they are counted only with barehop's own client, and these arms have an external tool."
    if all(arm.settings.url for arm in experiment.arms):
        return ""
    if len(experiment.arms) > MAX_PERF_ARMS:
        return f"they are counted only in experiments of at most {MAX_PERF_ARMS} arms."
    return None
