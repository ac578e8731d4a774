"""Proves what a hop speaks: protocol and TLS by asking the application, Multipath TCP by the kernel's counters."""

import re
import ssl
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from harness.errors import StackError
from harness.experiment.constraints import sentences_on_arms
from harness.experiment.transports import connection_counters, transport_label
from harness.load.client import Endpoint, endpoint_of
from harness.load.probe import probe_target
from harness.model import Arm, Reply, Settings, Target
from harness.model.record import HopProof
from harness.observe.counters import mptcp_handshakes
from harness.testbed.hop_addresses import Hop, direct_target
from harness.testbed.network.namespace import NetworkNamespace
from harness.testbed.servers.nginx import APP_NAME
from harness.testbed.stack.stack import Stack

NET = Path("/proc/thread-self/net")
PLAIN = "http/1"  # what readiness shows by itself
RECEIVE_BYTES = 65536
SUCCESS = re.compile(rb"HTTP/1\.[01] 2")
H2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113, section 3.4
SETTINGS_FRAME = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])  # an empty one: length, type, flags, stream (section 4.1)
H2_BEGINNING = re.compile(rb"...\x04", re.DOTALL)
QUOTED_BYTES = 40


@dataclass(frozen=True, slots=True)
class HopAnswer:
    """The beginning of an answer, and the TLS with which it came."""

    text: bytes
    tls: str
    session: ssl.SSLSession | None
    is_resumed: bool


def prove_speech(hop: Hop, settings: Settings, target: Target, authority: Path | None) -> HopProof:
    """Return what the server at `hop` speaks; `target` has the arm's request. Raises StackError for anything else."""
    has_tls = settings.hop_tls != "off"
    own = direct_target(replace(hop, address=hop.connect_address or hop.address), target.path, keepalive=False)
    own = replace(own, tls=has_tls, ca_file=authority if has_tls else None)
    endpoint = endpoint_of(replace(own, request=target.request, timeout_s=target.timeout_s))
    question = _question(settings, target, endpoint)
    try:
        answers = [_ask(endpoint, question)]
        answers += [_ask(endpoint, question, answers[0].session)] if endpoint.tls else []
    except OSError as error:
        raise StackError(f"{hop.server} does not speak {settings.app_speaks}: {error}.") from None
    beginning = H2_BEGINNING if settings.protocol == "h2c" else SUCCESS
    for answer in answers:
        if not beginning.match(answer.text):
            text = repr(answer.text[:QUOTED_BYTES])
            raise StackError(f"{hop.server} does not speak {settings.app_speaks}: its answer begins {text}.")
    if settings.hop_tls == "resumed" and not answers[-1].is_resumed:
        raise StackError(f'{hop.server} resumes no TLS session. Set hop_tls to "full".')
    tls = {"tls": answers[0].tls, "resumes_sessions": answers[-1].is_resumed} if endpoint.tls else {}
    return cast("HopProof", {"speaks": settings.app_speaks, **tls})


def prove_connection(stack: Stack, arm: Arm) -> HopProof:
    """Send one more request of `arm` and return how many connections of its transport the kernel counted.

    Empty for a transport without counters of its own. Raises StackError for a connection that is not counted.
    """
    counters = connection_counters(arm.settings.transport)
    if not counters:
        return {}
    target, growth = stack.blueprint.targets[arm.name], watch_connections([stack.network.of("app")])
    with stack.enter_network():
        reply = probe_target(target, target.path)
    if not isinstance(reply, Reply):
        raise StackError(f"Arm {arm.name!r} does not answer any more: {reply}.")
    grown = {name: growth()[name] for name in counters}
    if problem := fallback_problem([arm], 1, grown):
        raise StackError(problem)
    return cast("HopProof", {"connections": grown})


def watch_connections(networks: Iterable[NetworkNamespace]) -> Callable[[], Counter[str]]:
    """Return a function that returns by how much the counters of Multipath TCP have grown since, in all `networks`."""
    watched = [(network, _read_handshakes(network)) for network in networks]

    def growth() -> Counter[str]:
        total = Counter[str]()
        for network, before in watched:
            total.update({name: count - before[name] for name, count in _read_handshakes(network).items()})
        return total

    return growth


def multipath_networks(stacks: Iterable[Stack]) -> tuple[NetworkNamespace, ...]:
    """Return the networks of the applications that a transport with counters of its own reaches."""
    return tuple(
        dict.fromkeys(
            stack.network.of("app")
            for stack in stacks
            if any(connection_counters(arm.settings.transport) for arm in stack.blueprint.arms)
        )
    )


def fallback_problem(arms: Sequence[Arm], requests: int, counts: Mapping[str, int]) -> str:
    """Return why `counts` are too few for `requests`, each with a connection of its own; "" if they are not.

    All `arms` have the same transport, and `requests` and `counts` are those of all of them.
    """
    transport = arms[0].settings.transport
    missing = requests - min((counts.get(name, 0) for name in connection_counters(transport)), default=requests)
    if missing <= 0:
        return ""
    text = (
        f"{missing} of {requests} connections of {'its hop' if len(arms) == 1 else 'their hops'} fell back from "
        f"{transport_label(transport)} to plain TCP. Check sysctl net.mptcp and packet filters, or leave this "
        "transport out."
    )
    return sentences_on_arms((arm.name, text) for arm in arms)[0]


def _read_handshakes(network: NetworkNamespace) -> Counter[str]:
    with network.enter():
        return Counter(mptcp_handshakes((NET / "netstat").read_text()))


def _ask(endpoint: Endpoint, question: bytes, session: ssl.SSLSession | None = None) -> HopAnswer:
    """Send the question and return the answer's beginning. Raises OSError, also for a wrong certificate."""
    with endpoint.new_socket() as sock:
        sock.settimeout(endpoint.timeout_s)
        sock.connect(endpoint.address)
        if endpoint.tls is None:
            sock.sendall(question)
            return HopAnswer(sock.recv(RECEIVE_BYTES), "", None, is_resumed=False)
        with endpoint.tls.wrap_socket(sock, server_hostname=APP_NAME, session=session) as encrypted:
            encrypted.sendall(question)
            text, cipher = encrypted.recv(RECEIVE_BYTES), encrypted.cipher()
            tls = f"{encrypted.version()}, {cipher[0] if cipher else 'no cipher'}"
            return HopAnswer(text, tls, encrypted.session, encrypted.session_reused is True)


def _question(settings: Settings, target: Target, endpoint: Endpoint) -> bytes:
    if settings.hop_protocol == "h2c":
        return H2_PREFACE + SETTINGS_FRAME
    return _uwsgi_packet(target) if settings.hop_protocol == "uwsgi" else endpoint.request


def _uwsgi_packet(target: Target) -> bytes:
    """Return the request of `target` as nginx sends it (uwsgi-docs: Protocol): a head, variables, the body."""
    request, (path, _, query) = target.request, target.path.partition("?")
    headers = dict(line.split(": ", 1) for line in request.header_lines)
    variables = {
        "REQUEST_METHOD": request.method,
        "REQUEST_URI": target.path,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(request.body)) if request.has_length else "",
        "CONTENT_TYPE": headers.pop("Content-Type", ""),
        "HTTP_HOST": target.host_header,
        "HTTP_CONNECTION": "close",
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()},
    }
    words = (word.encode("latin-1") for pair in variables.items() for word in pair)
    block = b"".join(len(word).to_bytes(2, "little") + word for word in words)
    return bytes([0]) + len(block).to_bytes(2, "little") + bytes([0]) + block + request.body
